"""Memory of a process while it runs."""
import time

INTERVAL = 0.005  # seconds between two looks


def watch(process):
    """Waits for a subprocess.Popen to end. Gives what it held at most, in bytes: resident, with mapped files, and anonymous,
    which is what it allocated itself."""
    resident = anonymous = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                fields = dict(line.split(":", 1) for line in status)
            resident = max(resident, int(fields.get("VmHWM", "0").split()[0]))
            anonymous = max(anonymous, int(fields.get("RssAnon", "0").split()[0]))
        except OSError:
            pass
        time.sleep(INTERVAL)
    return resident * 1024, anonymous * 1024
