import pytest


@pytest.fixture
def source(tmp_path):
    """Return ``write(content, name)``, which makes a file of a text or bytes and returns its path."""

    def write(content, name="source"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that all the examples of a property share."""
    return tmp_path_factory.mktemp("examples")
