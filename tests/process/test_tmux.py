"""The tmux driver against a real tmux server on a socket of the test's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra.config import layout
from orchestra.drivers.process import Completed
from orchestra.drivers.tmux.driver import Tmux
from orchestra.drivers.tmux.server import Command, Server
from orchestra.errors import CommandFailed, DeadlineExceeded, NotFound
from orchestra.model import Window
from tests.support.tmux import Place, tmux_place, until

CAT = ("sh", "-c", "echo ready; exec cat")
PROJECT = "/home/person/my project, with }braces"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with tmux_place(monkeypatch) as made:
        yield made


def opened(place: Place, name: str, *command: str, title: str = "") -> Window:
    return place.tmux.windows.open_agent(
        place.session, title or name, command or CAT, session=name, project=PROJECT, cwd=place.root
    )


def test_a_program_that_tmux_runs_without_a_pane_is_in_the_session_that_tmux_names(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = place.session.removeprefix("$")
    for variable, pane in ((f"{place.tmux.socket},1,{number}", ""), (f"{place.tmux.socket},1,{number}", "%987")):
        monkeypatch.setenv("TMUX", variable)
        monkeypatch.setenv("TMUX_PANE", pane)
        here = Tmux.current()
        assert here is not None
        assert here.current_session() == place.session
    monkeypatch.setenv("TMUX", f"{place.tmux.socket},1,-1")
    with pytest.raises(NotFound):
        place.tmux.current_session()


def test_a_server_that_is_not_there_is_not_alive_and_asking_it_says_so(place: Place) -> None:
    gone = Tmux.own("nobody")
    assert place.tmux.alive()
    assert not gone.alive()
    with pytest.raises(CommandFailed, match="no tmux server answers") as caught:
        gone.windows.all()
    assert "orchestra up" in caught.value.hint


def test_starting_twice_gives_the_same_tmux_session(place: Place) -> None:
    assert place.tmux.start("work", place.root) == place.session
    assert place.tmux.start("play", place.root) != place.session


def test_a_tmux_session_that_a_server_took_while_it_ended_is_made_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, left = Server.ask, ["new-session"]

    def ends(server: Server, *commands: Command, **more: Any) -> Completed:  # noqa: ANN401 -- passed on
        if commands[0][0] in left:
            left.clear()
            ask(server, ("kill-server",))
            until(lambda: not place.tmux.alive(), "the server's end")
            raise CommandFailed("server exited unexpectedly")
        return ask(server, *commands, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "ask", ends)
        made = place.tmux.start("play", place.root)
    assert place.tmux.find_session("play") == made


def test_the_persons_configuration_is_loaded_and_cannot_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    config = "set -g destroy-unattached on\nset -g @mine yes\n"
    with tmux_place(monkeypatch, config=config) as place:
        opened(place, "main")
        assert place.option("show-options", "-g", "-v", "@mine") == "yes\n"
        assert [window.session for window in place.tmux.windows.all()] == ["main"]


def test_the_first_window_takes_the_place_of_the_one_the_session_was_born_with(place: Place) -> None:
    window = opened(place, "main")
    assert place.option("list-windows", "-a", "-F", "#{window_index} #{window_id}") == f"0 {window.id}\n"


def test_windows_are_found_by_their_marks_and_everything_else_is_left_out(place: Place) -> None:
    main, login = opened(place, "main"), opened(place, "login")
    place.option("new-window", "-d", "-t", place.session, "-n", "main", "cat")
    for window in (main, login):
        place.option("split-window", "-d", "-t", window.id, "cat")
    place.option("swap-window", "-s", main.id, "-t", login.id)
    found = {window.session: window for window in place.tmux.windows.all()}
    assert {name: (window.id, window.pane) for name, window in found.items()} == {
        "main": (main.id, main.pane),
        "login": (login.id, login.pane),
    }
    assert {window.project for window in found.values()} == {PROJECT}


def test_a_window_that_two_tmux_sessions_share_is_listed_once(place: Place) -> None:
    window = opened(place, "main")
    other = place.tmux.start("other", place.root)
    place.option("link-window", "-d", "-s", window.id, "-t", f"{other}:9")
    assert [each.id for each in place.tmux.windows.all()] == [window.id]


def test_a_window_keeps_its_name_and_its_last_screen(place: Place) -> None:
    window = opened(place, "main", "sh", "-c", r"printf '\033kstolen\033\\'; echo the reason; sleep 0.1; exit 3")
    until(lambda: place.tmux.windows.all()[0].dead, "a dead pane")
    assert "the reason" in place.tmux.panes.capture(window.pane)
    assert place.option("display-message", "-p", "-t", window.id, "#{window_name}") == "main\n"


def test_a_hook_that_divides_new_windows_does_not_get_our_marks(place: Place) -> None:
    place.option("set-hook", "-g", "after-new-window", "split-window cat")
    window = opened(place, "main")
    marks = place.option("list-panes", "-t", window.id, "-F", "#{pane_id} #{@orchestra_agent} #{remain-on-exit}")
    assert f":{window.pane} on" in marks
    assert marks.count(" on\n") == 1
    assert place.tmux.windows.all()[0].pane == window.pane


def test_a_copy_of_a_windows_marks_is_not_taken_for_the_window(place: Place) -> None:
    window = opened(place, "alpha")
    place.option("new-window", "-b", "-t", f"{place.session}:0", "-n", "alpha", "cat")
    twin = place.option("display-message", "-p", "-t", f"{place.session}:", "#{window_id}").strip()
    for name in ("@orchestra_session", "@orchestra_project"):
        value = place.option("show-options", "-w", "-v", "-t", window.id, name).removesuffix("\n")
        place.option("set-option", "-w", "-t", twin, name, value)
    mark = place.option("show-options", "-p", "-v", "-t", window.pane, "@orchestra_agent").strip()
    place.option("set-option", "-p", "-t", twin, "@orchestra_agent", mark)
    assert twin != window.id
    assert [one.id for one in place.tmux.windows.all()] == [window.id]


def test_a_program_in_a_window_of_ours_cannot_write_past_tmux(place: Place) -> None:
    place.option("set-option", "-g", "allow-passthrough", "on")
    window = opened(place, "main")
    control = place.tmux.control.open(window.id, CAT, layout.load("left"), project=window.project)
    shell = place.tmux.windows.open_terminal(place.session, "main $", CAT, project=window.project, cwd=place.root)
    for pane in (window.pane, control, shell):
        assert place.option("show-options", "-p", "-A", "-v", "-t", pane, "allow-passthrough") == "off\n"
    assert place.option("show-options", "-g", "-w", "-v", "allow-passthrough") == "on\n"


def test_a_window_is_born_large_enough_for_an_agent_whatever_looks_at_the_session(place: Place) -> None:
    with place.terminal() as terminal:
        terminal.outer.server.ask(("resize-window", "-t", terminal.pane, "-x", "2", "-y", "2"))
        look = ("display-message", "-p", "-t", place.session, "#{window_width}")
        until(lambda: place.option(*look) == "2\n", "a terminal of two columns")
        _, window = opened(place, "main"), opened(place, "alpha")
        size = ("display-message", "-p", "-t", window.id, "#{window_width}x#{window_height}")
        assert place.option(*size) == "80x24\n"
    with place.terminal(size=(100, 31)):
        place.tmux.windows.select(window.id)
        until(lambda: place.option(*size) == "100x30\n", "the terminal's own size")


def test_words_arrive_as_they_were_given(place: Place) -> None:
    words = (
        "sh",
        "-c",
        'for word; do echo "<$word>"; done; exec cat',
        "sh",
        "a b",
        "semi;",
        ";",
        "$HOME #{pane_id} 'q'",
    )
    window = opened(place, "main", *words)
    until(lambda: "<a b>\n<semi;>\n<;>\n<$HOME #{pane_id} 'q'>" in place.tmux.panes.capture(window.pane))


def test_a_lone_word_is_a_program_not_a_shell_line(place: Place) -> None:
    (place.root / "a program").write_text("#!/bin/sh\necho started; exec cat\n")
    (place.root / "a program").chmod(0o755)
    window = opened(place, "main", str(place.root / "a program"))
    until(lambda: "started" in place.tmux.panes.capture(window.pane))


def test_listings_survive_a_locale_without_utf_8(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    place.tmux.windows.open_agent(place.session, "grün", CAT, session="main", project="/grün/日本", cwd=place.root)
    assert place.tmux.windows.all()[0].project == "/grün/日本"


def test_nothing_in_a_title_or_a_directory_is_run(place: Place) -> None:
    """Seen with a client attached, so that every part of the status line and the outer title is really drawn."""
    traps = [place.root / f"trap-{number}" for number in range(4)]
    cwd = place.root / f"#(touch {traps[0].name}) ##[x] #"
    cwd.mkdir()
    evil = f"#(touch {traps[1]}) #{{pane_id}} #[bg=red]\x1b]0;x\x07\n$(touch {traps[2]});"
    place.option("set-option", "-g", "set-titles", "on")
    place.option("set-option", "-g", "window-status-format", "#{E:window_name}")
    place.option("set-option", "-g", "status-interval", "1")
    with place.terminal() as terminal:
        window = place.tmux.windows.open_agent(
            place.session, evil, CAT, session="main", project=PROJECT, cwd=cwd, select=True
        )
        opened(place, "other")
        place.tmux.set_status(place.session, f"#(touch {traps[3]}) seen")
        terminal.shows("seen")
        terminal.shows("#(touch")
        place.tmux.message(terminal.client, evil)
        terminal.shows("#{pane_id}")
        terminal.press("C-b", "w")
        terminal.shows("#{pane_id} #[bg=red]")
    path = place.option("display-message", "-p", "-t", window.id, "#{pane_current_path}").strip()
    assert path == str(cwd)
    assert not [trap for trap in (*traps, cwd / traps[0].name) if trap.exists()]


def test_closing_is_idempotent_and_a_false_id_never_means_the_active_window(place: Place) -> None:
    main, login = opened(place, "main"), opened(place, "login")
    place.tmux.windows.close(login.id)
    place.tmux.windows.close(login.id)
    assert [window.id for window in place.tmux.windows.all()] == [main.id]
    for bogus in ("", "main", ":", "@99x", "{end}"):
        with pytest.raises(NotFound):
            place.tmux.windows.select(bogus)
    with pytest.raises(NotFound):
        place.tmux.windows.select("@999")
    assert list(place.tmux.windows.output_times()) == [main.pane]


def test_a_client_is_brought_to_a_window_of_another_tmux_session(place: Place) -> None:
    other = place.tmux.start("other", place.root)
    window = place.tmux.windows.open_agent(other, "far", CAT, session="far", project=PROJECT, cwd=place.root)
    opened(place, "main")
    assert not place.tmux.has_client()
    with place.terminal() as terminal:
        began = time.time()
        place.tmux.windows.select(window.id, terminal.client, pane=window.pane)
        until(lambda: place.tmux.clients()[0].window == window.id)
        client = place.tmux.clients()[0]
        assert (client.name, client.session, client.pane) == (terminal.client, other, window.pane)
        terminal.press("x")
        until(lambda: place.tmux.clients()[0].activity >= int(began))
        until(lambda: place.tmux.windows.output_times()[window.pane] >= int(began))


def test_options_of_a_session_are_put_back_exactly(place: Place) -> None:
    other = place.tmux.start("other", place.root)
    place.option("set-option", "-t", other, "status-right", "-mine; '#{q:x}' \"é\" ")
    before = [place.option("show-options", "-t", each) for each in (place.session, other)]
    before_global = place.option("show-options", "-g")
    for _ in range(2):
        for each in (place.session, other):
            place.tmux.set_status(each, "3 working")
    assert "mine" in place.option("show-options", "-v", "-t", other, "status-right")
    with place.terminal(other) as terminal:
        terminal.shows("3 working -mine")
        place.tmux.set_status(other, "1 waits", project="/second")
        terminal.shows("1 waits 3 working -mine")
        place.tmux.clear_status(other)
        until(lambda: "1 waits -mine" in terminal.screen())
        place.tmux.clear_status(other, project="/second")
    for each in (place.session, other):
        place.tmux.clear_status(each)
        place.tmux.clear_status(each)
    assert [place.option("show-options", "-t", each) for each in (place.session, other)] == before
    assert place.option("show-options", "-g") == before_global


def test_a_popup_is_shown_to_a_client_and_a_window_to_nobody(place: Place) -> None:
    opened(place, "main")
    with place.terminal() as terminal:
        place.tmux.popup(("sh", "-c", "echo '#{pane_id} in a popup'; read line"), title="#(touch x) é")
        terminal.shows("#{pane_id} in a popup")
        terminal.shows("#(touch x) é")
        terminal.press("Enter")
        until(lambda: "in a popup" not in terminal.screen())
    until(lambda: not place.tmux.has_client())
    place.tmux.popup(("sh", "-c", "cat"), title="instead")
    assert "instead" in place.option("list-windows", "-a", "-F", "#{window_name}")


def test_a_terminal_window_belongs_to_its_session_but_is_not_the_agents(place: Place) -> None:
    opened(place, "main")
    shown = place.tmux.windows.open_terminal(
        place.session, "main $", CAT, project=PROJECT, cwd=place.root, session="main"
    )
    assert shown not in [window.id for window in place.tmux.windows.all()]
    told = place.option("display-message", "-p", "-t", shown, "#{@orchestra_session} #{window_active} #{session_id}")
    assert told == f"main 1 {place.session}\n"
    assert place.tmux.session_of(shown) == place.session


def test_the_server_this_process_was_started_in_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Tmux.current() is None
    window = opened(place, "main")
    monkeypatch.setenv("TMUX", f"{place.tmux.socket},1,0")
    monkeypatch.setenv("TMUX_PANE", window.pane)
    here = Tmux.current()
    assert here is not None
    assert (here.socket, here.current_session()) == (place.tmux.socket, place.session)


def test_a_server_that_hangs_is_given_up_at_the_deadline(place: Place) -> None:
    opened(place, "main")
    pid = int(place.option("display-message", "-p", "#{pid}"))
    impatient = Tmux(place.tmux.socket, deadline=0.5)
    os.kill(pid, signal.SIGSTOP)
    try:
        for ask in (impatient.windows.all, impatient.alive, impatient.clients, lambda: impatient.panes.capture("%1")):
            with pytest.raises(DeadlineExceeded, match="tmux did not answer"):
                ask()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [window.session for window in place.tmux.windows.all()] == ["main"]


def test_sockets_are_where_tmux_puts_them(place: Place) -> None:
    assert Path(place.tmux.socket).is_socket()
    assert place.tmux.socket == str(place.root.resolve() / f"tmux-{os.getuid()}" / "inner")


def test_windows_are_put_in_order_in_the_places_that_they_have(place: Place) -> None:
    first, other, second, third = (opened(place, name).id for name in ("first", "other", "second", "third"))
    place.tmux.windows.select(second)
    place.tmux.windows.arrange([third, first, second])
    assert [window.id for window in place.tmux.windows.all()] == [third, other, first, second]
    assert [window.id for window in place.tmux.windows.all() if window.active] == [second]
