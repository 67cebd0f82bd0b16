"""`python -m stream_anon` is `stream-anon`."""

from stream_anon.cli import main

main()
