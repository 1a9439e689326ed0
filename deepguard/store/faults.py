"""What a database's error means for the person who runs it. No password is ever shown."""

from __future__ import annotations

import errno
import ssl

import sqlalchemy as sa
from sqlalchemy import exc

from deepguard.errors import StoreError
from deepguard.text import one_line

_SQLITE = {
    "readonly database": (
        "the database file cannot be written: give the user that runs deepguard the right to write to the file and its "
        "folder, or set store.url to a file elsewhere"
    ),
    "disk is full": "the disk is full: free some space; what waits is written as soon as there is room",
    "disk i/o error": (
        "the disk reports an error: look at the machine's log, and restore the file from a backup if need be"
    ),
    "unable to open": "the database file cannot be opened: see that its folder exists and may be written to",
    "not a database": (
        "the file is not an SQLite database: move it away (deepguard then begins a new one), or set store.url to "
        "another file"
    ),
    "malformed": (
        "the database file is damaged: stop deepguard, keep a copy, try `sqlite3 FILE .recover`, or move the file away "
        "(deepguard then begins a new one)"
    ),
    "is locked": "another program keeps the database file locked: end it, or use PostgreSQL for several writers",
}

_ABOUT_DATA = frozenset({"22", "23", "54"})
"""Classes of PostgreSQL's error codes: what cannot be a value, breaks a constraint, is beyond a limit. A missing right
or table (42) is none: what waits can be written once somebody has put that right."""


_UNSTORABLE = TypeError | ValueError | ArithmeticError | LookupError | AttributeError | RecursionError


def is_about_data(error: BaseException) -> bool:
    """Whether the very same write would fail again: what was to be written is at fault, not the database's state."""
    if isinstance(error, exc.DBAPIError):
        if state := getattr(error.orig, "sqlstate", None):
            return str(state)[:2] in _ABOUT_DATA
        if isinstance(cause := getattr(error.orig, "__cause__", None), Exception):
            # asyncpg has one kind of error for a value that it cannot send and for a connection that is gone.
            return isinstance(cause, ValueError)
        return isinstance(error, exc.DataError | exc.IntegrityError | exc.InterfaceError | exc.ProgrammingError)
    # What else a driver or a machine short of memory may raise passes, and is tried again.
    return isinstance(error, exc.StatementError | _UNSTORABLE)


def explained(error: BaseException, url: sa.URL) -> StoreError:
    """Turn a database's error into words for people, with what to do.

    Args:
        error: What SQLAlchemy, a driver or the operating system raised.
        url: The database; its password is not shown.
    """
    if isinstance(error, StoreError):
        return error
    name = shown(url)
    cause = getattr(error, "orig", None) or error
    said = one_line(str(cause), 160)
    if url.get_backend_name() == "sqlite":
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            said = "disk is full"
        for part, advice in _SQLITE.items():
            if part in said.lower():
                return StoreError(f"{name}: {advice}")
        return StoreError(f"{name}: {said or type(cause).__name__}")
    kind = type(getattr(cause, "__cause__", None) or cause).__name__
    if "Password" in kind or "Authorization" in kind:
        return StoreError(f"{name}: user or password is refused; see store.url")
    if kind == "InvalidCatalogNameError":
        return StoreError(f"{name}: there is no such database; create it with `createdb {url.database}`")
    if kind == "InsufficientPrivilegeError":
        return StoreError(f"{name}: the user may not do that; grant it CREATE on the schema, or use another user")
    if isinstance(cause, ssl.SSLError):
        return StoreError(f"{name}: TLS failed ({one_line(str(cause), 80)})")
    gone = kind in ("InterfaceError", "ConnectionDoesNotExistError") and "clos" in said
    if gone or isinstance(cause, OSError | TimeoutError) or isinstance(getattr(cause, "__cause__", None), OSError):
        return StoreError(f"{name}: the database does not answer; see that it runs and that store.url is right")
    # A statement's parameters may hold names: only the first line of the driver's own words is shown.
    return StoreError(f"{name}: {kind}: {said}")


def shown(url: sa.URL) -> str:
    """The database's address without its password and parameters."""
    if url.get_backend_name() == "sqlite":
        return f"store {url.database or 'in memory'}"
    return f"store {url.set(query={}, drivername=url.get_backend_name()).render_as_string(hide_password=True)}"


__all__ = ["explained", "is_about_data", "shown"]
