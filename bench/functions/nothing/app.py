"""Does nothing, and says so: how many records it was called with goes to a socket."""

import os
import socket

told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def handler(event, context):
    records = len(event.get("Records", []))
    if records:
        told.sendto(str(records).encode(), os.environ["TOLD"])
