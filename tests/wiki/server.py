"""A real MediaWiki on loopback, filled with the pages of `pages/`: Debian's package `mediawiki` with SQLite, under PHP.

Nothing outside the given folder is written. As a program it serves until it is interrupted:

    python tests/wiki/server.py FOLDER [LANGUAGE]
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

MEDIAWIKI = Path("/usr/share/mediawiki")
PAGES = Path(__file__).parent / "pages"
LICENCE = {
    "en": ("Creative Commons Attribution-ShareAlike 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "de": ("Creative Commons BY-NC-SA 3.0", "https://creativecommons.org/licenses/by-nc-sa/3.0/"),
}


def missing():
    """What is not installed, "" if a wiki can be set up."""
    if not shutil.which("php"):
        return "php-cli"
    if not (MEDIAWIKI / "maintenance" / "install.php").exists():
        return "mediawiki"
    modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.split()
    return next((f"php-{name}" for name in ("sqlite3", "mbstring", "intl", "xml") if name not in modules), "")


@contextmanager
def real_wiki(folder, language="en"):
    """The address of a wiki in `language` that runs while the block does; its database is in `folder`."""
    port = _free_port()
    folder = Path(folder)
    _install(folder, language, port)
    for page in sorted((PAGES / language).glob("*.wiki")):
        title = page.stem.replace("@", ":").replace("%2F", "/")
        _run(folder, "edit.php", "--user", "Admin", title, stdin=page.read_text("utf-8"))
    with (folder / "server.log").open("w") as log:
        command = ["php", "-S", f"127.0.0.1:{port}", "-t", str(MEDIAWIKI)]
        server = subprocess.Popen(command, env=_environment(folder), stdout=log, stderr=log)
        try:
            _wait(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def _install(folder, language, port):
    folder.mkdir(parents=True, exist_ok=True)
    command = ["php", str(MEDIAWIKI / "maintenance" / "install.php"), "--dbtype", "sqlite", "--dbname", "wiki"]
    command += ["--dbpath", str(folder / "data"), "--confpath", str(folder), "--server", f"http://127.0.0.1:{port}"]
    command += ["--scriptpath", "", "--lang", language, "--pass", "only-on-loopback-1", "Clockwork Wiki", "Admin"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    text, url = LICENCE[language]
    with (folder / "LocalSettings.php").open("a", encoding="utf-8") as settings:
        settings.write(f"\n$wgRightsText = '{text}';\n$wgRightsUrl = '{url}';\n$wgJobRunRate = 0;\n")


def _run(folder, script, *arguments, stdin):
    command = ["php", str(MEDIAWIKI / "maintenance" / script), *arguments]
    environment = _environment(folder)
    subprocess.run(command, input=stdin, env=environment, check=True, capture_output=True, text=True, encoding="utf-8")


def _environment(folder):
    return {**os.environ, "MW_CONFIG_FILE": str(folder / "LocalSettings.php")}


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _wait(server, port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None:
                raise RuntimeError("php -S has ended; see server.log") from None
            time.sleep(0.05)
    raise RuntimeError("php -S does not listen")


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    with real_wiki(where, *sys.argv[2:3]) as address:
        sys.stdout.write(f"{address}/index.php/Halda   (Ctrl-C ends it)\n")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
