"""Two vans count what they delivered, without a lock: `weft check docs/parcels.py` finds R002."""

import threading

parcels = {"north": 2, "south": 3}
delivered = 0


def unload(district: str) -> int:
    return parcels[district]


def deliver(district: str) -> None:
    global delivered
    delivered += unload(district)


north = threading.Thread(target=deliver, args=("north",), name="north")
south = threading.Thread(target=deliver, args=("south",), name="south")
north.start()
south.start()
north.join()
south.join()
print(f"{delivered} parcels delivered")
