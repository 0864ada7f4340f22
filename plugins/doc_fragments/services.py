"""The options that hold services of a host: what a service is stands once."""

from __future__ import annotations

_SERVICE = """
      name:
        description: The container's name, or a name for the process.
        type: str
        required: true
      kind:
        description: What it is. A V(probe) is nothing that an engine runs, only an address that must answer.
        type: str
        choices: [postgresql, plain, probe]
        default: plain
      data:
        description: A PostgreSQL's data directory as this host sees it.
        type: path
      linked:
        description: Whether the data directory must be a link to a data directory.
        type: bool
        default: false
      command:
        description: "Engine process: the program and its arguments."
        type: list
        elements: str
        default: []
      user:
        description: "Engine process: the account to run it under when this runs as root."
        type: str
        default: ""
      environment:
        description: "Engine process: environment variables."
        type: dict
      directory:
        description: "Engine process: the working directory."
        type: path
      health:
        description: How it is found healthy; the first that is set counts, none is that it runs.
        type: dict
        suboptions:
          container:
            description: The container's own health check.
            type: bool
            default: false
          tcp:
            description: An address C(host:port) that accepts connections.
            type: str
            default: ""
          http:
            description: An address that answers 200.
            type: str
            default: ""
          json:
            description: Values that the JSON answer must hold.
            type: dict
            default: {}
          postgresql:
            description: A libpq connection string that can log in.
            type: str
            default: ""
          database:
            description: Log in to this database instead of the connection string's.
            type: str
            default: ""
"""


def _option(name: str, description: str) -> str:
    return f"""
  {name}:
    description: {description}
    type: list
    elements: dict
    default: []
    suboptions:{_SERVICE}"""


class ModuleDocFragment:
    """Documentation of ``engines/spec.py``'s SERVICE.

    Annotated, because ansible-test takes any other assignment here for a literal.
    """

    DOCUMENTATION: str = "options:" + _option("services", "This host's services that the step is about.")
    SWITCH: str = "options:" + "".join(
        [
            _option("production", "This host's production server."),
            _option("staging", "This host's staging server."),
            _option("writers", "This host's services that write to production."),
        ]
    )
