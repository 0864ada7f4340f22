"""The options that every module of the action group ``run`` has: the run's context, told once a play."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/runner.py``'s CONTEXT."""

    DOCUMENTATION = r"""
options:
  volume:
    description: The volume's path; empty on a host without it.
    type: path
    default: ""
  work:
    description:
      - This host's own directory. Each call appends its step to C(<run>/steps.jsonl) there; the report and,
        in a dry run, the later steps read it.
    type: path
    default: ""
  records:
    description: This host's folder for restart policies, process ids and logs, and for the record of the
      window of a switch. Empty is C(services) in O(work).
    type: path
    default: ""
  run:
    description: The run's id.
    type: str
    default: ""
  operator:
    description: ORCID iD of who runs it.
    type: str
    default: ""
  playbook:
    description: What is run, such as V(ingest).
    type: str
    default: ""
  engine:
    description: What runs this host's services, V(docker) or V(process); any other is refused.
    type: str
    default: ""
  exclusive:
    description:
      - The data directories are declared exclusive, where it cannot be seen who works in them (a network
        volume, an account that may not look at all processes).
      - Who is seen in one (a process, or a container that has it as its data directory) is refused all the
        same.
    type: bool
    default: false
  stop_timeout:
    description: Seconds until a service must have stopped.
    type: float
    default: 120
  start_timeout:
    description: Seconds until a service must be healthy.
    type: float
    default: 60
  watchdog:
    description: Seconds without a sign of life of the run after which its switch is presumed dead, and each
      host recovers by itself.
    type: float
    default: 60
  window:
    description: Inside a switch. The window that M(dataportal.reingest.switch_window) opened is held while
      this works; when it is not open for O(run) any more, nothing is done.
    type: bool
    default: false
  stage:
    description: The report's stage that this step belongs to; empty is the module's own.
    type: str
    default: ""
  gather:
    description: A refusal is no failure of the task. Its texts are returned as C(findings), for whoever
      refuses the run with those of all hosts.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in C(check_mode), and returns what it would change, and changes nothing.
  diff_mode:
    description: Returns what changed, or what would, in C(diff_mode).
notes:
  - The options that describe the run are set once, by C(module_defaults) of the action group
    C(dataportal.reingest.run).
"""
