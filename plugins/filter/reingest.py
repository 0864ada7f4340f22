"""Jinja filters: service definitions by name, and what the run's modules did on all hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def reingest_steps(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> list[dict[str, Any]]:
    """Return the steps that role ``report`` gathered from these hosts, in no order."""
    found = []
    for host in hosts:
        gathered = hostvars[host].get("__report_gathered")
        if isinstance(gathered, Mapping):
            found += gathered.get("steps") or []
    return found


def reingest_findings(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> list[str]:
    """Return what role ``preflight`` found on these hosts, each with its host; on several hosts only once."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        checked = hostvars[host].get("__preflight_checked")
        for text in (checked.get("findings") or []) if isinstance(checked, Mapping) else []:
            found.setdefault(text, []).append(host)
    return [f"{', '.join(on)}: {text}" for text, on in found.items()]


def reingest_told(findings: Sequence[str], what: str) -> str:
    """Return findings as one text: one as it is, several as a list below how many there are.

    Args:
        findings: a text each.
        what: the rest of the first line, behind ``3 findings, ``.
    """
    if len(findings) == 1:
        return findings[0]
    return "\n- ".join((f"{len(findings)} findings, {what}:", *findings))


def reingest_lost(
    hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], steps: Mapping[str, str]
) -> str:
    """Return the step in which contact with a host was lost, and the host; empty when none was.

    Ansible keeps no failed task for a host that became unreachable, but the task's registered result says so.

    Args:
        hostvars: all hosts' variables.
        hosts: the play's hosts.
        steps: the name of each step by the variable in which its result is registered.
    """
    for host in hosts:
        variables = hostvars[host]
        for register, name in steps.items():
            result = variables.get(register)
            if isinstance(result, Mapping) and result.get("unreachable"):
                return f"{name}: contact with {host} was lost"
    return ""


def reingest_undone(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], previous: str) -> str:
    """Return what serves after the undo of a switch, as the end of a sentence.

    Args:
        hostvars: all hosts' variables.
        hosts: the play's hosts.
        previous: the snapshot that was live before the switch; empty when none was.
    """
    behind, live, ended_by = [], "", ""
    for host in hosts:
        found = _undo(hostvars[host])
        if found is None:
            behind.append(host)
            continue
        live, ended_by = found["live"] or live, found["ended_by"] or ended_by
    if behind:
        return (
            f"NOT undone on {', '.join(behind)}: its watchdog brings back what it can; when it is back, run "
            "recover.yml"
        )
    if ended_by:
        return f"{ended_by} had ended the switch by then; {live + ' serves' if live else 'nothing is live'}"
    if not live:
        return "it was the first ingest: prod is absent and production stays stopped; the load is kept"
    if live == previous:
        return "the old production serves again"
    return f"{live} serves: the switch was complete"


def _undo(variables: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the result of a host's undo; None when it has none, or not to its end."""
    for name in ("__switchover_recovered_volume", "__switchover_recovered_writers"):
        found = variables.get(name)
        if not isinstance(found, Mapping) or found.get("failed") or "live" not in found:
            continue  # of a failure there may be what is live, and no step
        if found["step"]["stage"] == "undo":
            return found
    return None


def reingest_named(
    names: Iterable[str], definitions: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return one service for each name, with what the definitions say of it."""
    return [{"name": name, **definitions.get(name, {})} for name in names]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "findings": reingest_findings,
            "lost": reingest_lost,
            "named": reingest_named,
            "steps": reingest_steps,
            "told": reingest_told,
            "undone": reingest_undone,
        }
