"""The calls that most programs need. `stream_anon` names them; nothing else here is public."""
