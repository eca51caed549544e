"""What can go wrong with a part of a remote file; each text is one sentence for the user."""

from __future__ import annotations


class RemoteError(OSError):
    """A part of a remote file that could not be had."""


class GoneError(RemoteError):
    """The object is not there (404, 410): another scene has to do."""


class DeniedError(RemoteError):
    """The server refused access (401, 403), with a new signature too."""


class ChangedError(RemoteError):
    """The object was replaced while it was read: what was read before counts for nothing."""


class CorruptError(RemoteError):
    """Bytes arrived, but they are not what was written."""


class UnreachableError(RemoteError):
    """The server did not answer, or answered with errors, until patience was at an end."""


class NoRangesError(RemoteError):
    """The server cannot be used: it answers with a web page, or with whole files."""


class UnsupportedError(RemoteError):
    """A file of a kind that is not read; the text says which."""
