"""Ed25519 signatures: who wrote an entry of the release log, or exported a folder.

A private key is a file of its owner's (PEM, PKCS8). The public keys that count are lines of ``release_keys.pub``, which
is committed with the project, so that whoever owns the MLflow database does not own them as well:

    ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... ada@ground
    known-until 3 5f2c...

The second line is for a log that has entries from before there were keys: it vouches for those up to number 3, by the
sha256 of that entry. Any later entry may be named as well. A log that ends before it is found, and the keys that signed
those up to it may be taken out.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.storage import write_text
from edgecodec.temporary import temporary_folder

TRUSTED_KEYS = "release_keys.pub"
KNOWN_UNTIL = "known-until"
OF_OTHERS = 0o077  # permission bits
NO_KEY = "not an unencrypted Ed25519 private key in PEM"


@dataclass(frozen=True)
class Signature:
    key: str  # fingerprint of the public key, as `ssh-keygen -l` shows it
    ed25519: str  # in base64


@dataclass(frozen=True)
class SigningKey:
    """A private key, in memory."""

    private: Ed25519PrivateKey

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """The key in the file ``path``.

        Raises:
            EdgeCodecError: others can read the file too, or there is no such key in it.
        """
        if path.stat().st_mode & OF_OTHERS:
            raise EdgeCodecError(f"{path}: others can read this private key; chmod 600 it, or make a new one")
        mend = "make one with `edgecodec releases key FILE`"
        with naming(path, NO_KEY, mend):
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise EdgeCodecError(f"{path}: {NO_KEY}; {mend}")
        return cls(key)

    @property
    def fingerprint(self) -> str:
        return _fingerprint(self.private.public_key())

    def sign(self, message: bytes) -> Signature:
        return Signature(self.fingerprint, base64.b64encode(self.private.sign(message)).decode())


def create_key(path: Path, owner: str) -> str:
    """Write a new private key to ``path``, and to ``path``.pub its public key with the ``owner``, a line; that line.

    Raises:
        EdgeCodecError: ``path`` is there already.
    """
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    line = f"{public.decode()} {' '.join(owner.split())}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent, path.name) as folder:
        new = folder / path.name
        new.touch(0o600)
        new.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                              serialization.NoEncryption()))
        try:
            path.hardlink_to(new)  # a rename would replace a key that is there
        except FileExistsError:
            raise EdgeCodecError(f"{path}: is there already; no key is overwritten, name another file") from None
    write_text(path.with_name(f"{path.name}.pub"), f"{line}\n")
    return line


@dataclass(frozen=True)
class TrustedKeys:
    """The content of ``release_keys.pub``."""

    path: Path
    keys: Mapping[str, Ed25519PublicKey]  # by fingerprint
    owners: Mapping[str, str]  # by fingerprint
    known_until: int = 0  # the number of an entry in the release log; those up to it need no signature
    known_sha256: str = ""

    @classmethod
    def find(cls, repository: Path) -> TrustedKeys | None:
        """Those of the project in ``repository``; None: it demands no signatures."""
        path = repository / TRUSTED_KEYS
        return cls.read(path) if os.path.lexists(path) else None

    @classmethod
    def read(cls, path: Path) -> TrustedKeys:
        """Those in the file ``path``.

        Raises:
            EdgeCodecError: a line is neither an Ed25519 key in OpenSSH's format nor ``known-until``, or none is a key.
        """
        keys: dict[str, Ed25519PublicKey] = {}
        owners: dict[str, str] = {}
        known_until, known_sha256 = 0, ""
        with naming(path, "not a text file", "write one OpenSSH public key a line"):
            lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            known = re.fullmatch(rf"{KNOWN_UNTIL} (\d+) ([0-9a-f]{{64}})", line.strip())
            if known:
                known_until, known_sha256 = int(known[1]), known[2]
            elif line.strip() and not line.startswith("#"):
                key = _public_key(path, number, line)
                name = _fingerprint(key)
                keys[name], owners[name] = key, " ".join(line.split()[2:]) or name
        if not keys:
            raise EdgeCodecError(f"{path}: no key in it; add the line that `edgecodec releases key FILE` printed")
        return cls(path, keys, owners, known_until, known_sha256)

    def demand(self, key: SigningKey | None) -> None:
        """Raise an :class:`EdgeCodecError` where there is no ``key`` to sign with, or one that is not trusted."""
        if key is None:
            raise EdgeCodecError(f"{self.path}: releases must be signed; name your private key by --key FILE")
        if key.fingerprint not in self.keys:
            raise EdgeCodecError(f"{self.path}: does not list your key, {key.fingerprint}; add its public key and "
                                 "commit it")

    def signer_of(self, message: bytes, signature: Signature, what: str) -> str:
        """The owner of the key that signed ``message``.

        Raises:
            EdgeCodecError: it is none of these keys, or the signature is of other bytes. The text names ``what``.
        """
        key = self.keys.get(signature.key)
        if key is None:
            raise EdgeCodecError(f"{what} is signed by {signature.key}, which {self.path} does not list; pull the "
                                 "project, or add the key if you trust its owner")
        owner = self.owners[signature.key]
        try:
            key.verify(base64.b64decode(signature.ed25519, validate=True), message)
        except (InvalidSignature, ValueError):
            raise EdgeCodecError(f"{what} was changed: the signature by {owner} does not verify; restore it from a "
                                 "backup, or where it was made") from None
        return owner


def _public_key(path: Path, number: int, line: str) -> Ed25519PublicKey:
    problem, mend = f"line {number} is no OpenSSH public key of type ssh-ed25519", "correct or remove it"
    with naming(path, problem, mend):
        key = serialization.load_ssh_public_key(line.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise EdgeCodecError(f"{path}: {problem}; {mend}")
    return key


def _fingerprint(key: Ed25519PublicKey) -> str:
    digest = serialization.ssh_key_fingerprint(key, SHA256())
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
