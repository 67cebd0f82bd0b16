"""Reviewing a redaction: who was found and where, and pictures for whoever corrects it."""
