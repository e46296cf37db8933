//! The terminal that a command writes to, if there is one.

use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;

/// Lines that are not events: the header, what is said below it, and the next prompt.
const OTHER_ROWS: u16 = 3;
const EVENTS_MIN: u16 = 5;

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    pub(super) is_terminal: bool,
    pub(super) rows: u16,
    /// 0 if it is not known, or has no end.
    pub(super) columns: u16,
    pub(super) is_coloured: bool,
}

impl Screen {
    /// Of standard output.
    pub(super) fn look() -> Screen {
        let out = io::stdout();
        if !out.is_terminal() {
            return Screen::none();
        }
        let has_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let (rows, columns) = match tcgetwinsize(&out) {
            Ok(size) if size.ws_row > 0 => (size.ws_row, size.ws_col),
            _ => (24, 80),
        };
        Screen { is_terminal: true, rows, columns, is_coloured: has_colour }
    }

    /// There is none.
    pub(super) fn none() -> Screen {
        Screen { is_terminal: false, rows: 0, columns: 0, is_coloured: false }
    }

    /// How many events are a screenful.
    pub(super) fn events(&self) -> u64 {
        self.rows.saturating_sub(OTHER_ROWS).max(EVENTS_MIN).into()
    }
}
