from __future__ import annotations


def test_ctrl_c_in_destructors_is_not_lost(child, tmp_path):
    body = """\
class Gone:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

class Slow:
    def __del__(self):
        time.sleep(0.5)  # the first attempt to raise it again comes in here

Gone()
Slow()
time.sleep(20)"""
    done = child(body)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "archlock doctor: interrupted\n")
    assert not (tmp_path / "done").exists()


def test_other_errors_in_destructors_are_shown_as_python_does(child):
    body = """\
class Gone:
    def __del__(self):
        raise ValueError("in a destructor")

Gone()"""
    done = child(body)
    assert done.returncode == 0
    assert "ValueError: in a destructor" in done.stderr
