# expect: E001,R001
"""A listener signs off while the dictionary of listeners is gone through."""

import threading

listeners = {"log": print, "mail": str}
heard = []


def post():
    for name in listeners:
        heard.append(name)


def sign_off():
    listeners.pop("mail", None)


threads = [threading.Thread(target=post, name="post"), threading.Thread(target=sign_off, name="sign-off")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
