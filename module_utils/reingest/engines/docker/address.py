"""Where the Docker engine of a host listens."""

SOCKET = "/var/run/docker.sock"
