"""Whether what a process listens to is reached from this machine's other addresses, as other machines would."""

import socket

import psutil


def other_addresses() -> list[str]:
    """Every address of this machine but 127.0.0.1, to which our servers are bound."""
    found = {one.address for ones in psutil.net_if_addrs().values() for one in ones if one.family == socket.AF_INET}
    return sorted(found - {"127.0.0.1"} | {"127.0.0.2"})


def ports(process: psutil.Process) -> set[int]:
    """The ports to which a process and its children listen."""
    connections = [one for each in (process, *process.children(recursive=True)) for one in each.net_connections("inet")]
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def answers(address: str, port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(5.0)
        return caller.connect_ex((address, port)) == 0


def reached_from_elsewhere(process: psutil.Process) -> list[tuple[str, int]]:
    """Addresses and ports at which a process answers though it should not."""
    heard = ports(process)
    assert heard
    assert all(answers("127.0.0.1", port) for port in heard)
    return [(address, port) for address in other_addresses() for port in heard if answers(address, port)]
