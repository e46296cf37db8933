//! Changes of trails by the API, as an auditor and an operator meet them: each is recorded, also in
//! the trail that it silences; none is half made, whenever the daemon is killed.

mod crashes;
mod pairs;
mod registers;
mod silence;
mod status;
mod told;
mod unrecorded;
