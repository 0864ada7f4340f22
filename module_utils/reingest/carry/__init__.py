"""Carry users' rows over: fence the server that is left, take its rows, put them into the next, prove it."""
