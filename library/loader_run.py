#!/usr/bin/python
"""Ansible module: let the portal's own loader fill the staging server."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: loader_run
short_description: Let the portal's own loader fill the staging server
description:
  - Makes the dataset's database in the staging server anew, has the portal's own loader fill it, and writes
    down in schema C(reingest) of that database what it holds then.
  - The loader is a command on this host, or a job of an HTTP server.
  - The loader's log is kept and judged line by line.
  - Runs in the background of its host, and shows how far the loader is, see O(show).
  - Everything that can be known before the loader runs is checked before it.
  - Does nothing where production, or the staging server, has a finished load of the same release.
  - What it refuses of production's cluster, and how it brings roles over, is that of
    M(dataportal.reingest.ingest_load); its result, too.
requirements: [psycopg2, PyYAML]
options:
  dataset:
    description: The dataset file. Its tables need an owner and no C(from).
    type: path
    required: true
  sources:
    description: Another folder of sources than the dataset names, relative to the dataset's own folder.
    type: path
    default: ""
  files:
    description: The loader's sources, paths and globs below that folder. Other contents are another load.
    type: list
    elements: str
    default: []
  roots:
    description: Further folders where files of C(from) may lie. Files outside of these and of the folder of
      sources are refused, by whatever name or link they are reached.
    type: list
    elements: path
    default: []
  release:
    description: What the loader loads. The same release is not loaded twice.
    type: str
    required: true
  command:
    description: The loader as a command on this host.
    type: dict
    suboptions:
      argv:
        description: The program and its arguments. Never a password.
        type: list
        elements: str
        required: true
      directory:
        description: Its working directory.
        type: path
        default: /
      environment:
        description: Variables added to its environment.
        type: dict
        default: {}
      secrets:
        description: The same for values that must not be seen, such as connection strings with a password.
        type: dict
        default: {}
      timeout:
        description: Seconds after which it is ended, with all processes that it started.
        type: float
        default: 86400
  job:
    description: The loader as a job of an HTTP server.
    type: dict
    suboptions:
      url:
        description: The address that starts a job when it is sent a POST.
        type: str
        required: true
      token:
        description: The bearer token.
        type: str
        required: true
      body:
        description: What is sent, as JSON.
        type: dict
        default: {}
      id_path:
        description: Where the answer has the job's id, keys joined by dots.
        type: str
        default: id
      status_url:
        description: The address to ask for the job's state; may be relative, C({id}) is the job's id.
        type: str
        required: true
      status_path:
        description: Where that answer has the state.
        type: str
        default: status
      success:
        description: The states of a job that ended well.
        type: list
        elements: str
        required: true
      failure:
        description: The states of a job that failed. With any other state it goes on.
        type: list
        elements: str
        default: []
      log_url:
        description: The address of the job's log, if there is one; like O(job.status_url).
        type: str
        default: ""
      log_path:
        description: Where that answer has the log, a text or a list of lines. When empty, it is the log.
        type: str
        default: ""
      poll:
        description: Seconds between two questions.
        type: float
        default: 5
      attempts:
        description: How often in a row a question may go unanswered. The POST is never repeated.
        type: int
        default: 5
      timeout:
        description: Seconds after which the job is no longer waited for.
        type: float
        default: 86400
      ca_file:
        description: Certificates to trust instead of the system's.
        type: path
        default: ""
  cleanup:
    description:
      - What puts right what the loader leaves elsewhere when it is ended (a lock row in production, say).
      - It is run then, and before a load that follows one which did not come to its end; so it must not fail
        where there is nothing to do. Either O(cleanup.argv) or O(cleanup.sql).
    type: dict
    suboptions:
      argv:
        description: A program of this host and its arguments.
        type: list
        elements: str
        default: []
      directory:
        description: Where it runs.
        type: path
        default: /
      environment:
        description: Variables that are added to its environment.
        type: dict
        default: {}
      secrets:
        description: The same for values that must not be seen.
        type: dict
        default: {}
      sql:
        description: Statements, run in one transaction in the dataset's database.
        type: str
        default: ""
      server:
        description: On which server O(cleanup.sql) is run.
        type: str
        choices: [production, staging]
        default: production
      timeout:
        description: Seconds after which it is given up.
        type: float
        default: 60
  fatal:
    description: Regular expressions; a line of the log that matches one ends the load at once.
    type: list
    elements: str
    default: []
  benign:
    description: A line that matches one of these is no error, whatever it says.
    type: list
    elements: str
    default: []
  progress:
    description: A line that matches one of these says how far the loader is; the last one is in the report.
    type: list
    elements: str
    default: []
  error:
    description: A line that matches this one, and none of O(benign), fails the load once the loader ended.
    type: str
    default: "ERROR|CRITICAL|Traceback|Error:"
  fresh:
    description: Whether the database is dropped and made anew before the loader runs.
    type: bool
    default: true
  apply_schema:
    description: Whether the dataset's schema, where it has one, is applied before the loader runs.
    type: bool
    default: true
  staging_dsn:
    description: The staging server, as libpq reads it. The login may create databases.
    type: str
    required: true
  production_dsn:
    description: The server that the portal uses. Only read.
    type: str
    default: ""
  plan_only:
    description:
      - Only say what is to be done. For the steps that come between this and the load itself, it reads no
        source beyond its digest, and is no step of the report.
      - What an interrupted run still loads on this host is ended all the same.
    type: bool
    default: false
  planned:
    description:
      - RV(sources) of this run's plan, a call with O(plan_only). Files that still have that size and time are
        not read again for their digests.
    type: list
    elements: dict
    default: []
  snapshot:
    description: The id of the load. When empty, the time at which it begins.
    type: str
    default: ""
  force:
    description: Load although this release was loaded already.
    type: bool
    default: false
  show:
    description:
      - How the action plugin of the same name shows how far the load is. It runs the module in the background
        of its host, so that a connection that is lost does not end it, and reads its state from
        C(<work>/<run>/progress.json). In check mode, and without O(work), nothing is shown.
      - With C(auto), tables are drawn in place in a terminal, and a line is written now and then elsewhere;
        with C(lines), these lines in any case; with C(none), nothing.
    type: str
    choices: [auto, lines, none]
    default: auto
  patience:
    description:
      - Seconds for which the host may be out of the action plugin's reach before it gives up. The load goes
        on there until it ends, or until the next run or C(stop.yml) ends it.
    type: float
    default: 600
  accept:
    description: Names of findings about production's cluster that are no failure; each becomes a warning.
    type: list
    elements: str
    default: []
  after_promote:
    description:
      - The task file that puts right, once the new server is proven, what a switch breaks outside of it.
      - Only whether there is one matters here. Findings of that kind are accepted only with it.
    type: str
    default: ""
  staging_given_up:
    description: The load will start over with an empty staging server, or it does not come up. With
      O(plan_only) it is not asked then, and the schema is not tried.
    type: bool
    default: false
  first:
    description: Nothing was ever promoted, so production need not be named, answer or have the database.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: Checks all that a run would check, and does not start the loader.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Load by the portal's own command
  dataportal.reingest.loader_run:
    dataset: /srv/portal/dataset.yml
    release: r3_2021-06-01
    command:
      argv: [nmdc-server, load, --release, r3_2021-06-01]
      secrets: {POSTGRES_URI: "{{ reingest_staging_dsn }}"}
      timeout: 21600
    benign: ["0 ERRORS"]
    staging_dsn: "{{ reingest_staging_dsn }}"
    production_dsn: "{{ reingest_production_dsn }}"
    work: /var/lib/reingest
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097

- name: Load by the portal's job server
  dataportal.reingest.loader_run:
    dataset: /srv/portal/dataset.yml
    release: r3_2021-06-01
    job:
      url: https://portal.example/api/jobs/ingest
      token: "{{ loader_token }}"
      status_url: /api/jobs/{id}
      log_url: /api/jobs/{id}/log
      success: [succeeded]
      failure: [failed, cancelled]
    staging_dsn: "{{ reingest_staging_dsn }}"
    production_dsn: "{{ reingest_production_dsn }}"
    work: /var/lib/reingest
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
action:
  description:
    - C(load); C(keep_live) where production has this release; C(keep_staged) where the staging server has.
  returned: success
  type: str
snapshot:
  description: The id of the load that was made, or that is kept.
  returned: success
  type: str
release:
  description: The release of that load.
  returned: success
  type: str
digest:
  description: One hash of the dataset, the release, the schema, the transforms and the declared sources.
  returned: success
  type: str
tables:
  description:
    - C(owner), C(read), C(loaded), C(duplicates), C(orphans), C(rejected) and C(filtered) of each table.
    - A table of owner source was read and loaded as often as it has rows; its losses are not known.
    - In check mode all but the owner are null.
  returned: success
  type: dict
sources:
  description: C(path), C(size), C(modified_ns), C(sha256) and C(tag) of each declared file.
  returned: success
  type: list
  elements: dict
  contains:
    path: {description: Its name., type: str}
    size: {description: Bytes., type: int}
    modified_ns: {description: When it was changed., type: int}
    sha256: {description: Of the content., type: str}
    tag: {description: Of a remote file., type: str}
database:
  description: The name of the dataset's database.
  returned: success
  type: str
portal:
  description: Whether the dataset has portal-owned tables or databases, whose rows the switch carries over.
  returned: success
  type: bool
databases:
  description: Other databases of production that the switch carries whole.
  returned: success
  type: list
  elements: str
system_identifier:
  description: The staging server's, as text.
  returned: success
  type: str
roles:
  description:
    - What was done to make the staging server's roles those of production, a sentence each.
    - Where this is only the plan of a load that follows, none.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils.reingest.errors import Refusal
from ..module_utils.runner import Call, Outcome, Verb, run_module

if TYPE_CHECKING:
    from ..module_utils.reingest.external_loader.cleanup import Cleanup
    from ..module_utils.reingest.external_loader.plan import Loader

_DAY_S = 86400
OPTIONS: dict[str, Any] = {
    "dataset": {"type": "path", "required": True},
    "sources": {"type": "path", "default": ""},
    "roots": {"type": "list", "elements": "path", "default": []},
    "files": {"type": "list", "elements": "str", "default": []},
    "release": {"type": "str", "required": True},
    "command": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "required": True},
            "directory": {"type": "path", "default": "/"},
            "environment": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "timeout": {"type": "float", "default": _DAY_S},
        },
    },
    "job": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "token": {"type": "str", "required": True, "no_log": True},
            "body": {"type": "dict", "default": {}},
            "id_path": {"type": "str", "default": "id"},
            "status_url": {"type": "str", "required": True},
            "status_path": {"type": "str", "default": "status"},
            "success": {"type": "list", "elements": "str", "required": True},
            "failure": {"type": "list", "elements": "str", "default": []},
            "log_url": {"type": "str", "default": ""},
            "log_path": {"type": "str", "default": ""},
            "poll": {"type": "float", "default": 5},
            "attempts": {"type": "int", "default": 5},
            "timeout": {"type": "float", "default": _DAY_S},
            "ca_file": {"type": "path", "default": ""},
        },
    },
    "cleanup": {
        "type": "dict",
        "options": {
            "argv": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": "/"},
            "environment": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "sql": {"type": "str", "default": ""},
            "server": {"type": "str", "choices": ["production", "staging"], "default": "production"},
            "timeout": {"type": "float", "default": 60},
        },
    },
    "fatal": {"type": "list", "elements": "str", "default": []},
    "benign": {"type": "list", "elements": "str", "default": []},
    "progress": {"type": "list", "elements": "str", "default": []},
    "error": {"type": "str", "default": "ERROR|CRITICAL|Traceback|Error:"},
    "fresh": {"type": "bool", "default": True},
    "apply_schema": {"type": "bool", "default": True},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "staging_given_up": {"type": "bool", "default": False},
    "first": {"type": "bool", "default": False},
    "accept": {"type": "list", "elements": "str", "default": []},
    "after_promote": {"type": "str", "default": ""},
    "plan_only": {"type": "bool", "default": False},
    "planned": {"type": "list", "elements": "dict", "default": []},
    "snapshot": {"type": "str", "default": ""},
    "force": {"type": "bool", "default": False},
    "show": {"type": "str", "choices": ["auto", "lines", "none"], "default": "auto"},
    "patience": {"type": "float", "default": 600},
}


def loader_of(params: Mapping[str, Any]) -> Loader:
    """Return the command or the job."""
    from ..module_utils.reingest.external_loader.command import Command
    from ..module_utils.reingest.external_loader.job import Job

    command, job = params["command"], params["job"]
    if bool(command) == bool(job):
        raise Refusal("the loader must be either a `command:` or a `job:`: declare one of them")
    if command:
        return Command(**_plain(command))
    return Job(**{**job, "success": tuple(job["success"]), "failure": tuple(job["failure"])})


def cleanup_of(params: Mapping[str, Any]) -> Cleanup | None:
    """Return what puts right what an ended loader leaves; None where nothing is declared."""
    from ..module_utils.reingest.external_loader.cleanup import Cleanup
    from ..module_utils.reingest.external_loader.command import Command

    given = dict(params["cleanup"] or {})
    if not given:
        return None
    sql, server = given.pop("sql"), given.pop("server")
    command = Command(**_plain(given)) if given["argv"] else None
    return Cleanup(command, sql, server, given["timeout"])


def _plain(command: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **command,
        "argv": tuple(command["argv"]),
        "directory": Path(command["directory"]),
        "environment": {name: str(value) for name, value in command["environment"].items()},
        "secrets": {name: str(value) for name, value in command["secrets"].items()},
    }


def load(call: Call) -> Outcome:
    """Plan the load and carry it out; in check mode only plan it."""
    # Imported here: without psycopg2 or PyYAML the runner tells what is missing.
    from ..module_utils.load_call import Frame, facts_of, outcome_of, request_of
    from ..module_utils.reingest.disclosure.secrets import secret_texts
    from ..module_utils.reingest.disclosure.seen_secrets import named_secrets
    from ..module_utils.reingest.external_loader.apply import apply_loader
    from ..module_utils.reingest.external_loader.judge import compile_patterns
    from ..module_utils.reingest.external_loader.plan import Making, plan_loader
    from ..module_utils.reingest.load.reporter import reported
    from ..module_utils.reingest.sources.files import shown_sources

    request = request_of(call)
    if call.work is None:
        raise Refusal("the task has no work folder: set `work`, where the loader's log goes")
    folder = call.work / call.run
    with reported(None if call.check else folder, facts_of(call)) as reporter:
        loader = loader_of(call.params)
        patterns = compile_patterns(**{kind: call[kind] for kind in ("fatal", "benign", "progress", "error")})
        dsns = {f"of reingest_{name}": call[name] for name in ("staging_dsn", "production_dsn")}
        cleanup = cleanup_of(call.params)
        own = cleanup.command.values if cleanup and cleanup.command else {}
        named = named_secrets(dsns, {**own, **loader.values})
        secrets = secret_texts((), named)  # its texts
        making = Making(call["files"], call["fresh"], call["apply_schema"], cleanup)
        plan = plan_loader(request, loader, making, secrets=named)
        frame = Frame(call, plan)
        reporter.know(release=plan.release, snapshot=plan.snapshot)
        detail: dict[str, Any] = {}
        tables = plan.planned_tables()
        if plan.changed and not call.check:
            frame.bring(last=False)  # the schema, or the loader, may give them rights
            loaded = apply_loader(
                plan,
                patterns,
                staging_dsn=call["staging_dsn"],
                **call.who,
                folder=folder,
                secrets=secrets,
                cleanup=cleanup,
                production_dsn=call["production_dsn"],
                reporter=reporter,
            )
            frame.bring(last=True)
            tables = {name: vars(count) for name, count in loaded.tables.items()}
            detail = {"seconds": loaded.seconds, "log": str(loaded.log), "progress": loaded.progress}
    first = call["production_dsn"] if call["first"] else ""
    warnings = [text for text in (plan.warning, plan.reads_nothing_live(first)) if text]
    values = {
        "action": plan.action,
        "snapshot": plan.snapshot,
        "release": plan.release,
        "digest": plan.digest,
        "tables": tables,
        "sources": shown_sources(plan.files),
        "database": plan.dataset.database,
        "portal": plan.dataset.portal,
        "databases": plan.dataset.whole,
        "system_identifier": plan.system_identifier,
    }
    return outcome_of(call, request, plan, values, detail, frame, warnings)


def main() -> None:
    """Run the module."""
    run_module(Verb(load, stage="load", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
