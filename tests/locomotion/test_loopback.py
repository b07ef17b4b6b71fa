"""What tells of a server that others could reach tells of one that they can."""

import socket

import psutil

from tests.locomotion.loopback import other_addresses, reached_from_elsewhere


def test_a_server_on_every_interface_is_found():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        found = reached_from_elsewhere(psutil.Process())
    assert {(address, port) for address in other_addresses()} <= set(found)
