# expect: clean
"""Two threads take turns on one condition, each waiting in a loop for its own."""

import threading

changed = threading.Condition()
turn = 0


def play(number: int) -> None:
    global turn
    with changed:
        changed.wait_for(lambda: turn == number)
        turn += 1
        changed.notify_all()


players = [threading.Thread(target=play, args=(number,), name=f"player-{number}") for number in range(2)]
for player in players:
    player.start()
for player in players:
    player.join()
assert turn == 2
