//! Where events are written: to standard output, or to a file that gets its name when it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::json_out::JsonOut;
use crate::serve::entropy;

const BUFFER_BYTES: usize = 64 << 10;

/// Where it goes.
pub(super) struct Place {
    out: BufWriter<Box<dyn Write>>,
    bytes: u64,
    /// Of a file, what it is until it is whole.
    part: Option<Part>,
}

/// A file that is not whole yet, and the name that it will have. It goes away unless somebody is
/// told of it.
struct Part {
    file: File,
    path: PathBuf,
    name: PathBuf,
    is_kept: bool,
}

impl Place {
    /// Standard output, or a file. What is no ordinary file (`/dev/stdout`, a pipe) is written as it is.
    pub(super) fn open(file: Option<&Path>, is_json: bool) -> anyhow::Result<Place> {
        let (out, part) = match file {
            None => (stream(io::stdout(), is_json), None),
            Some(name) if fs::metadata(name).is_ok_and(|found| !found.is_file()) => {
                let opened = File::options().write(true).open(name);
                (stream(opened.with_context(|| name.display().to_string())?, is_json), None)
            }
            Some(name) => {
                let part = Part::new(name)?;
                let file = part.file.try_clone().with_context(|| name.display().to_string())?;
                (Box::new(file) as Box<dyn Write>, Some(part))
            }
        };
        Ok(Place { out: BufWriter::with_capacity(BUFFER_BYTES, out), bytes: 0, part })
    }

    /// All is written: gives back how much.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        if let Some(part) = &mut self.part {
            part.file.sync_all()?;
            fs::rename(&part.path, &part.name)?;
            part.is_kept = true;
        }
        Ok(self.bytes)
    }

    /// It will not be whole: says where what there is of it is.
    pub(super) fn leave(mut self) -> io::Result<String> {
        self.flush()?;
        Ok(match &mut self.part {
            Some(part) => {
                part.is_kept = true;
                part.path.display().to_string()
            }
            None => "the output".into(),
        })
    }
}

fn stream<W: Write + IsTerminal + 'static>(out: W, is_json: bool) -> Box<dyn Write> {
    if is_json { Box::new(JsonOut::new(out)) } else { Box::new(out) }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Part {
    /// `.audit.csv.0123456789abcdef.part` beside `audit.csv`: another download to the same name has
    /// its own, and no link that was put in its place is followed.
    fn new(name: &Path) -> anyhow::Result<Part> {
        let last =
            name.file_name().with_context(|| format!("{}: no name of a file", name.display()))?;
        let mut hidden = OsString::from(".");
        hidden.push(last);
        hidden.push(format!(".{:016x}.part", entropy()));
        let path = name.with_file_name(hidden);
        let file = File::create_new(&path).with_context(|| path.display().to_string())?;
        Ok(Part { file, path, name: name.into(), is_kept: false })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let found = fs::read_dir(directory).unwrap();
        found.map(|one| one.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("a.csv");
        fs::write(&name, "before").unwrap();
        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"after").unwrap();
        place.flush().unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"before");
        assert_eq!(place.finish().unwrap(), 5);
        assert_eq!(fs::read(&name).unwrap(), b"after");
        assert_eq!(names(directory.path()), ["a.csv"]);
    }

    #[test]
    fn what_is_not_whole_is_told_of_or_goes_away() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("a.csv");
        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"gone").unwrap();
        drop(place);
        assert!(names(directory.path()).is_empty());

        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"half").unwrap();
        let told = place.leave().unwrap();
        assert_eq!(fs::read(&told).unwrap(), b"half");
        let part = names(directory.path()).pop().unwrap();
        assert!(part.starts_with(".a.csv.") && part.ends_with(".part"), "{part}");
        assert!(told.ends_with(&part), "{told}");
    }

    #[test]
    fn two_downloads_to_one_name_do_not_mix() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("a.csv");
        let [mut one, mut other] = [(); 2].map(|()| Place::open(Some(&name), false).unwrap());
        one.write_all(b"all of one").unwrap();
        other.write_all(b"half of").unwrap();
        other.flush().unwrap();
        one.finish().unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"all of one");
        other.write_all(b" the other").unwrap();
        other.finish().unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"half of the other");
        assert_eq!(names(directory.path()), ["a.csv"]);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (name, other) = (directory.path().join("a.csv"), directory.path().join("other"));
        fs::write(&other, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&other, &name).unwrap();
        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"events").unwrap();
        place.finish().unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"of somebody else");
        assert_eq!(fs::read(&name).unwrap(), b"events");
        assert!(!name.is_symlink());
        let error = Place::open(Some(&directory.path().join("none/a.csv")), false).err().unwrap();
        assert!(format!("{error:#}").contains("none/.a.csv."), "{error:#}");
    }

    #[test]
    fn what_is_no_ordinary_file_is_written_as_it_is() {
        let mut place = Place::open(Some(Path::new("/dev/null")), false).unwrap();
        place.write_all(b"gone").unwrap();
        assert_eq!(place.finish().unwrap(), 4);
    }
}
