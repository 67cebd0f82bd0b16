"""Sound and subtitles: stream copy, transcoding, voice disguise."""
