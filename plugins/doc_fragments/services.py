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
      waits_for_database:
        description: Whether a writer tries again until its database lets it in. Then a switch starts it
          together with production, on the host of the volume.
        type: bool
        default: false
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
    SERVED: str = """
options:
  served:
    description:
      - What proves, after a switch, that the portal serves the new snapshot.
      - The backend's own login must read the snapshot's id in table C(reingest.load), and a row of a
        source-owned table that the load filled.
      - Needs psycopg2 where a login is declared.
    type: dict
    suboptions:
      portal:
        description: Whether an address of the portal answers with the release; that is asked as a service.
        type: bool
        default: false
      dsn:
        description: The backend's own connection string; SQLAlchemy's form with a driver will do.
        type: str
        default: ""
      dsn_env:
        description: The name of an environment variable of this host that holds it.
        type: str
        default: ""
      host:
        description: Where the server is reached from here, in place of the host that the string names.
        type: str
        default: ""
      port:
        description: The same for its port.
        type: str
        default: ""
      beside:
        description: Whether a backend runs on this host, so that the login comes from where its own do.
        type: bool
        default: true
      snapshot:
        description: The snapshot that must be served; empty while that is not planned yet.
        type: str
        default: ""
      loaded:
        description: Whether reingest loaded it. Of an adopted one the database holds no id, so the system
          identifier of O(served.data) is compared.
        type: bool
        default: true
      data:
        description: Production's data directory.
        type: path
        default: ""
"""
