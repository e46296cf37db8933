//! Where events are written: to standard output, or to a file that gets its name when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::json_out::JsonOut;

const BUFFER_BYTES: usize = 64 << 10;

/// Where it goes.
pub(super) struct Place {
    out: Out,
    bytes: u64,
}

enum Out {
    Standard(BufWriter<Box<dyn Write>>),
    File(BufWriter<File>, Option<Part>),
}

/// A file that is not whole yet, and the name that it will have.
struct Part {
    path: PathBuf,
    name: PathBuf,
}

impl Place {
    /// Standard output, or a file. What is no ordinary file (`/dev/stdout`, a pipe) is written as it is.
    pub(super) fn open(file: Option<&Path>, is_json: bool) -> anyhow::Result<Place> {
        let out = match file {
            None => {
                let out: Box<dyn Write> =
                    if is_json { Box::new(JsonOut::stdout()) } else { Box::new(io::stdout()) };
                Out::Standard(BufWriter::with_capacity(BUFFER_BYTES, out))
            }
            Some(name) => {
                let is_special = fs::metadata(name).is_ok_and(|found| !found.is_file());
                let part = (!is_special).then(|| Part { path: part_of(name), name: name.into() });
                let path = part.as_ref().map_or(name, |part| &part.path);
                let opened = match is_special {
                    true => File::options().write(true).open(path),
                    false => made(path),
                };
                let opened = opened.with_context(|| path.display().to_string())?;
                Out::File(BufWriter::with_capacity(BUFFER_BYTES, opened), part)
            }
        };
        Ok(Place { out, bytes: 0 })
    }

    /// All is written: gives back how much.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        if let Out::File(file, Some(part)) = self.out {
            file.get_ref().sync_all()?;
            fs::rename(&part.path, &part.name)?;
        }
        Ok(self.bytes)
    }

    /// It will not be whole: says where what there is of it is.
    pub(super) fn leave(mut self) -> io::Result<String> {
        self.flush()?;
        Ok(match self.out {
            Out::File(_, Some(part)) => part.path.display().to_string(),
            Out::File(..) => "the file".into(),
            Out::Standard(_) => "the output".into(),
        })
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.out {
            Out::Standard(out) => out.write(bytes),
            Out::File(out, _) => out.write(bytes),
        }?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Standard(out) => out.flush(),
            Out::File(out, _) => out.flush(),
        }
    }
}

/// A new file, where there may be what was left of a download that was cut short. What it is that is there,
/// as a link to another file, is not followed but removed.
fn made(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}

/// `audit.csv.part` of `audit.csv`.
fn part_of(name: &Path) -> PathBuf {
    let mut part = name.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (name, part) = (directory.path().join("a.csv"), directory.path().join("a.csv.part"));
        fs::write(&name, "before").unwrap();
        fs::write(&part, "what was left of a download that was cut short").unwrap();
        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"after").unwrap();
        place.flush().unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"before");
        assert_eq!(place.finish().unwrap(), 5);
        assert_eq!(fs::read(&name).unwrap(), b"after");
        assert!(!part.exists());

        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"half").unwrap();
        assert_eq!(place.leave().unwrap(), part.display().to_string());
        assert_eq!(
            (fs::read(&name).unwrap(), fs::read(&part).unwrap()),
            (b"after".into(), b"half".into())
        );
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (name, part) = (directory.path().join("a.csv"), directory.path().join("a.csv.part"));
        let other = directory.path().join("other");
        fs::write(&other, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&other, &part).unwrap();
        let mut place = Place::open(Some(&name), false).unwrap();
        place.write_all(b"events").unwrap();
        place.finish().unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"of somebody else");
        assert_eq!(fs::read(&name).unwrap(), b"events");
        assert!(!name.is_symlink());
        fs::create_dir(&part).unwrap();
        let error = Place::open(Some(&name), false).err().unwrap();
        assert!(format!("{error:#}").contains("a.csv.part"), "{error:#}");
    }

    #[test]
    fn what_is_no_ordinary_file_is_written_as_it_is() {
        let mut place = Place::open(Some(Path::new("/dev/null")), false).unwrap();
        place.write_all(b"gone").unwrap();
        assert_eq!(place.finish().unwrap(), 4);
        assert!(!Path::new("/dev/null.part").exists());
    }
}
