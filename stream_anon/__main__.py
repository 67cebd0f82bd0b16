"""`python -m stream_anon` is `stream-anon`."""

from stream_anon.cli.main import main

main()
