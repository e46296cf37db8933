//! Pages: the unit that is read, and that has a checksum.
//!
//! ```text
//! 0                                              4092        4096
//! [ content, zeros to the end                   ][ CRC-32, LE ]    the CRC is of the page's number
//!                                                                  (u64, LE) and the content
//! ```

use std::io;

use disk::File;

use super::IndexError;

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;
/// Bytes of a page that mean something.
pub(super) const CONTENT: usize = PAGE - 4;

/// The content of a page.
pub(super) type Content = [u8];

fn checksum(number: u32, content: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&u64::from(number).to_le_bytes());
    crc.update(content);
    crc.finalize().to_le_bytes()
}

/// Pages of a file, read as they are needed.
#[derive(Debug)]
pub(super) struct Pages {
    file: Box<dyn File>,
    path: String,
}

impl Pages {
    pub(super) fn new(file: Box<dyn File>, path: &str) -> Pages {
        Pages { file, path: path.to_owned() }
    }

    pub(super) fn size_bytes(&self) -> io::Result<u64> {
        self.file.size_bytes()
    }

    pub(super) fn damaged(&self, what: &'static str) -> IndexError {
        IndexError::Damaged { path: self.path.clone(), what }
    }

    /// Reads a page, or `buffer.len() / PAGE` of them, into a buffer.
    fn fill(&self, number: u32, buffer: &mut [u8]) -> Result<(), IndexError> {
        let read = self.file.read_at(buffer, u64::from(number) * PAGE as u64)?;
        if read < buffer.len() {
            return Err(self.damaged("it ends early"));
        }
        for (number, page) in (number..).zip(buffer.chunks_exact(PAGE)) {
            let (content, crc) = page.split_at(CONTENT);
            if crc != checksum(number, content) {
                return Err(self.damaged("a checksum is wrong"));
            }
        }
        Ok(())
    }

    /// The contents of pages that follow each other, as one.
    pub(super) fn read(&self, first: u32, pages: u32) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; pages as usize * PAGE];
        self.fill(first, &mut bytes)?;
        for page in 1..pages as usize {
            bytes.copy_within(page * PAGE..page * PAGE + CONTENT, page * CONTENT);
        }
        bytes.truncate(pages as usize * CONTENT);
        Ok(bytes)
    }
}

/// A place to keep the page that was read last: what is near it needs no other read.
#[derive(Debug, Default)]
pub(super) struct Held {
    number: Option<u32>,
    page: Vec<u8>,
}

impl Held {
    pub(super) fn page<'a>(
        &'a mut self,
        pages: &Pages,
        number: u32,
    ) -> Result<&'a Content, IndexError> {
        if self.number != Some(number) {
            self.number = None;
            self.page.resize(PAGE, 0);
            pages.fill(number, &mut self.page)?;
            self.number = Some(number);
        }
        Ok(&self.page[..CONTENT])
    }

    /// Bytes of an area that begins with page `area`, from `offset` on; they may be in several pages.
    pub(super) fn bytes(
        &mut self,
        pages: &Pages,
        area: u32,
        offset: u32,
        into: &mut [u8],
    ) -> Result<(), IndexError> {
        let (mut offset, mut into) = (offset as usize, into);
        while !into.is_empty() {
            let number = u32::try_from(offset / CONTENT).expect("less than the offset");
            let page = self.page(pages, area.saturating_add(number))?;
            let here = &page[offset % CONTENT..];
            let length = here.len().min(into.len());
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&here[..length]);
            (offset, into) = (offset + length, later);
        }
        Ok(())
    }
}

/// Writes pages, one after the other, from page 1 on: page 0 is written at the end.
pub(super) struct PageWriter<'a> {
    file: &'a dyn File,
    /// The page that waits first; what is before it was written.
    first: u32,
    /// Whole pages and the beginning of one.
    waiting: Vec<u8>,
}

/// Pages that are written at once.
const WRITTEN_AT_ONCE: usize = 64;

impl<'a> PageWriter<'a> {
    pub(super) fn new(file: &'a dyn File) -> PageWriter<'a> {
        PageWriter { file, first: 0, waiting: vec![0; PAGE] }
    }

    /// Appends bytes, which may begin in one page and end in another.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = CONTENT - self.waiting.len() % PAGE;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if now.len() == room {
                self.end_page()?;
            }
        }
        Ok(())
    }

    /// Fills the page with zeros, when it has begun; answers the number of the next one.
    pub(super) fn end_area(&mut self) -> io::Result<u32> {
        let begun = self.waiting.len() % PAGE;
        if begun > 0 {
            self.waiting.resize(self.waiting.len() + CONTENT - begun, 0);
            self.end_page()?;
        }
        Ok(self.next())
    }

    /// The page that is being filled.
    fn next(&self) -> u32 {
        self.first + u32::try_from(self.waiting.len() / PAGE).expect("a few pages")
    }

    fn end_page(&mut self) -> io::Result<()> {
        let begin = self.waiting.len() / PAGE * PAGE;
        let crc = checksum(self.next(), &self.waiting[begin..]);
        self.waiting.extend_from_slice(&crc);
        if begin / PAGE + 1 >= WRITTEN_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, u64::from(self.first) * PAGE as u64)?;
        self.first = self.next();
        self.waiting.clear();
        Ok(())
    }

    /// Writes what waits, and page 0: at once, if that waits too.
    pub(super) fn finish(mut self, header: &[u8]) -> io::Result<()> {
        let mut page = [0; PAGE];
        page[..header.len()].copy_from_slice(header);
        let crc = checksum(0, &page[..CONTENT]);
        page[CONTENT..].copy_from_slice(&crc);
        if self.first == 0 {
            self.waiting[..PAGE].copy_from_slice(&page);
            return self.flush();
        }
        if !self.waiting.is_empty() {
            self.flush()?;
        }
        self.file.write_all_at(&page, 0)
    }
}
