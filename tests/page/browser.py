"""Chromium, driven through a pipe by its DevTools protocol: no driver, no socket, no package beside it."""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome") # as scripts/setup has them


def find():
    """A Chromium that runs, or None. (Some systems have a program of that name that only says where to get one.)"""
    return next((path for path in map(shutil.which, NAMES) if path and subprocess.run(
        [path, "--version", "--no-sandbox"], capture_output=True, check=False).returncode == 0), None)


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.write, theirs_in, self.read, theirs_out = self.pipes()
        options = ["--headless", "--remote-debugging-pipe", "--user-data-dir=" + self.profile.name, "--disable-gpu",
                   "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--no-sandbox"] # root and most containers can't have one; the page is our own
        command = 'exec 3<&%d 4>&%d; exec "$0" "$@"' % (theirs_in, theirs_out)
        self.process = subprocess.Popen(["bash", "-c", command, find(), *options, "about:blank"],
                                        pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=self.profile.name))
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []
        target = next(row for row in self.call("Target.getTargets")["targetInfos"] if row["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    @staticmethod
    def pipes():
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        return ours_out, theirs_in, ours_in, theirs_out

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.profile.cleanup()

    def message(self, seconds=60):
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], seconds)[0]:
                raise TimeoutError("the browser said nothing for %d s" % seconds)
            data = os.read(self.read, 1 << 20)
            if not data:
                raise EOFError("the browser is gone")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        asked = {"id": self.number, "method": method, "params": params}
        if self.session:
            asked["sessionId"] = self.session
        os.write(self.write, json.dumps(asked).encode() + b"\0")
        while True:
            said = self.message()
            if said.get("id") == self.number:
                if "error" in said:
                    raise RuntimeError("%s: %s" % (method, said["error"]))
                return said["result"]
            self.events.append(said)

    def evaluate(self, expression):
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise RuntimeError("%s: %s" % (expression, said["exceptionDetails"]["exception"]["description"]))
        return said["result"].get("value")

    def wait(self, expression, seconds=30):
        """Until an expression holds; its value."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError("never so: %s" % expression)
            time.sleep(0.02)
        return value

    def size(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, path):
        self.call("Page.navigate", url="file://" + path)
        self.wait("document.readyState == 'complete' && document.querySelector('.pane .text')?.textContent", 60)

    def key(self, key, shift=False):
        event = {"key": key, "modifiers": 8 if shift else 0}
        if len(key) == 1:
            event["text"] = key
        elif key == "Enter":
            event["text"] = "\r"
        if key.startswith("Arrow") or key in ("Home", "End", "Tab", "Enter"): # what the browser itself acts on
            event["windowsVirtualKeyCode"] = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9,
                                              "Enter": 13}[key]
        self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{name: event[name] for name in event if name != "text"})

    def picture(self, **how):
        """The page, or a clip of it, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", **how)["data"])

    def errors(self):
        """What the console says that is wrong, and every address that is asked for but the page itself."""
        self.evaluate("1") # so that all that was said is here
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
            elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            elif event.get("method") == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    found.append("asked for " + url)
        return found


if __name__ == "__main__":
    sys.exit(find() is None)
