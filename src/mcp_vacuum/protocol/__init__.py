"""The specifications, without I/O: no socket, clock, random number, file or log in here.

A flow is a generator. It yields an effect (`effects.py`), is sent the answer, and returns its result;
`yield from` joins flows (`flows.py`). Drivers perform the effects.
"""
