"""Signatures of OpenSSH: made where the operator's key is, verified where the volume is.

The form is that of ssh-keygen(1), ``-Y sign`` and ``-Y verify``, namespace ``reingest``. Needs OpenSSH 8.2,
and 8.7 for keys that are valid for a time only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import Refusal

NAMESPACE = "reingest"
_SIGN_S = 60.0  # a hardware key waits for its touch
_VERIFY_S = 30.0
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/=]+")


def sign(text: str, key: str) -> str:
    """Return the signature of a text, armored.

    It never asks for anything: what needs a passphrase is for ssh-agent.

    Args:
        text: what is signed.
        key: path of the private key, or of the public one whose private key the agent has.

    Raises:
        Refusal: there is no ssh-keygen, no such key, or it does not sign without being asked.
    """
    path = os.path.expanduser(key)  # noqa: PTH111 - of a user that is not there nothing may be raised
    if not Path(path).is_file():
        raise Refusal(
            f"there is no key {path} on the controller: set reingest_signing_key to your key's path"
        )
    with TemporaryDirectory(prefix="reingest-") as folder:
        message = Path(folder) / "statement"
        message.write_text(text, encoding="utf-8")
        done = _ssh_keygen(["sign", "-n", NAMESPACE, "-f", path, str(message)], _SIGN_S, "the controller")
        if done.returncode:
            raise Refusal(
                f"ssh-keygen does not sign with {path} ({_reason(done)}): a key with a passphrase, or in "
                "hardware, must be in ssh-agent (ssh-add), as nothing can be asked for here"
            )
        return message.with_name("statement.sig").read_text(encoding="ascii")


def verify(text: str, signature: str, principal: str, signers: Path) -> str:
    """Return the fingerprint of the key that signed a text, ``SHA256:...``.

    Args:
        text: what was signed.
        signature: the armored signature.
        principal: whose key it must be.
        signers: whose keys there are, and until when they are valid.

    Raises:
        Refusal: there is no ssh-keygen, or the signature is not that.
    """
    with TemporaryDirectory(prefix="reingest-") as folder:
        armored = Path(folder) / "signature"
        armored.write_text(signature, encoding="utf-8")
        names = ["-f", str(signers), "-I", principal, "-n", NAMESPACE, "-s", str(armored)]
        done = _ssh_keygen(["verify", *names], _VERIFY_S, "this host", text)
    found = _FINGERPRINT.search(done.stdout)
    if done.returncode or found is None:
        raise Refusal(_reason(done))
    return found.group()


def _ssh_keygen(
    arguments: Sequence[str], seconds: float, where: str, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal, and without anything else that it could ask for a passphrase."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise Refusal(f"ssh-keygen is missing on {where}: install the client of OpenSSH, 8.2 or later")
    try:
        return subprocess.run(  # noqa: S603 - no shell; the arguments are paths and a checked ORCID iD
            [program, "-Y", *arguments],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal(f"ssh-keygen did not answer on {where} within {seconds:.0f} s: run again") from None


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines()]
    told = [line for line in lines if line and not line.startswith(("Signing file", "Enter passphrase"))]
    return "; ".join(told)[:400] or f"exit code {done.returncode}"
