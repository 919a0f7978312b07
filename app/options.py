"""The options of `python app.py`."""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.commands import add_collection, add_dtype, collection_named
from analysis.common.errors import InputError
from analysis.measure.checks.collection_check import check_collection
from analysis.models.collection import Collection

COLLECTION = "FUSION_LENS_COLLECTION"
"""The environment variable that names another collection."""


@dataclass(frozen=True)
class Options:
    """What the page shows and where it is served.

    Attributes:
        collection: The collection.
        dtype: Precision of the base.
        device: Device of the base; the GPUs where there are any, if None.
        port: The port; Gradio's choice if None.
        may_add: Whether visitors may add adapters: only where the server listens to this machine
            alone, as its folders are read.
        mcp: Whether the endpoints are tools of an MCP server, too.
        public: Whether anybody may ask: the limits are smaller, no answer is kept, and nothing of
            one visitor for another.
    """

    collection: Collection
    dtype: str = "float32"
    device: str | None = None
    port: int | None = None
    may_add: bool = False
    mcp: bool = False
    public: bool = False


def read_options(arguments: Sequence[str]) -> Options:
    """The options on a command line; without a collection or base there, the environment's.

    Args:
        arguments: The arguments after the program's name.

    Raises:
        InputError: A part of the collection is not there or cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Serve the page of a collection, or of a base of your own"
    )
    add_collection(parser)
    add_dtype(parser)
    parser.add_argument(
        "--port", type=int, metavar="P", help="the port (default: 7860, or the next free one)"
    )
    parser.add_argument(
        "--mcp", action="store_true", help="offer the endpoints as tools of an MCP server, too"
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="for a server that anybody may ask: smaller limits, no answer kept, nothing of one "
        "visitor kept for another, nothing added or removed (on Spaces always)",
    )
    args = parser.parse_args(arguments)
    if args.mcp and importlib.util.find_spec("mcp") is None:
        raise InputError("--mcp needs a package that is not here: pip install 'gradio[mcp]'.")
    if not args.collection and not args.base:
        args.collection = os.environ.get(COLLECTION) or None
    if args.port is not None and not 1 <= args.port <= 65_535:
        raise InputError(f"--port {args.port} is no port: take 1 to 65535.")
    collection = collection_named(args)
    check_collection(collection)
    here = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1") in ("127.0.0.1", "localhost", "::1")
    shared = bool(os.environ.get("SPACE_ID") or os.environ.get("GRADIO_SHARE"))
    public = args.public or bool(os.environ.get("SPACE_ID"))
    # A proxy in front of this machine's address lets others in.
    proxied = bool(os.environ.get("GRADIO_ROOT_PATH") or os.environ.get("FORWARDED_ALLOW_IPS"))
    may_add = here and not shared and not proxied and not public
    return Options(
        collection, args.dtype, args.device, args.port, may_add=may_add, mcp=args.mcp, public=public
    )
