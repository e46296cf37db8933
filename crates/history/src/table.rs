//! A table: the rows of a history file in Parquet, written in one go and read row by row.
//!
//! ```text
//!   row group: 65,536 rows at most          event_json in pages of about 64 KiB, PLAIN and zstd:
//!   ├ event_time, batch, batch_index        one row is one read, one page unpacked, one step to it
//!   ├ account … tls_details
//!   └ event_json
//! ```
//!
//! A table has its name when it is whole and durable, not before: it is written under another name
//! first. Everything that is read was compared with a checksum ([`crate::blocks`]).

use std::sync::Arc;

use bytes::Bytes;
use disk::{Disk, File};
use model::{AccountId, BatchId, Category, Region, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
    SortingColumn,
};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::SerializedPageReader;
use parquet::schema::types::ColumnPath;

use crate::blocks::{Blocks, Sink, Tail, damaged};
use crate::columns::Columns;
use crate::file::FileId;
use crate::history::HistoryError;
use crate::pages::{Content, Heads, PageCache, Part, Records};
use crate::position::{Position, Sequence};
use crate::schema::{self, EVENT_JSON, HEAD_COLUMNS};
use crate::scope::Scope;

/// So many rows at most are a row group: what other engines skip as a whole, and what is held in
/// memory, packed, while it is written.
const GROUP_ROWS: usize = 65_536;

/// A row group of large records is shorter.
const GROUP_BYTES: usize = 64 << 20;

/// Rows become columns in steps of so many, or of so many bytes.
const STEP_ROWS: usize = 1024;
const STEP_BYTES: usize = 8 << 20;

/// A page of records is about as large, before it is packed.
const RECORDS_PAGE_BYTES: usize = 64 << 10;

/// Pages of the other columns have so many rows at most.
const PAGE_ROWS: usize = 8192;

/// Positions and scopes are read of so many rows at a time.
const HEADS: u32 = 256;

/// How well a table is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// For a file that is merged soon.
    Quick,
    /// For one that stays.
    Tight,
}

/// What a table is, once written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub rows: u32,
    pub newest: Position,
    pub oldest: Position,
    pub bytes: u64,
    pub tail: Tail,
}

/// A table that is being written.
pub(crate) struct TableWriter {
    disk: Arc<dyn Disk>,
    path: String,
    writer: ArrowWriter<Sink>,
    columns: Columns,
    rows: u32,
    ends: Option<(Position, Position)>,
    is_finished: bool,
}

fn temporary(path: &str) -> String {
    format!("{path}.tmp")
}

fn properties(packing: Packing) -> WriterProperties {
    let level = match packing {
        Packing::Quick => 1,
        Packing::Tight => 3,
    };
    let level = ZstdLevel::try_new(level).expect("a level of zstd's");
    let column = |name: &str| ColumnPath::from(name);
    let version = KeyValue::new(schema::VERSION_KEY.to_owned(), schema::VERSION.to_string());
    let newest_first =
        (0..3).map(|column_idx| SortingColumn { column_idx, descending: true, nulls_first: false });
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("cairn {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_sorting_columns(Some(newest_first.collect()))
        .set_key_value_metadata(Some(vec![version]))
        .set_column_dictionary_enabled(column(EVENT_JSON), false)
        .set_column_data_page_size_limit(column(EVENT_JSON), RECORDS_PAGE_BYTES)
        .set_column_statistics_enabled(column(EVENT_JSON), EnabledStatistics::None);
    for name in ["event_time", "batch_index"] {
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    for field in schema::schema().fields().iter().take(HEAD_COLUMNS) {
        // Their encodings are small already, and to begin unpacking takes longer than to read them.
        properties =
            properties.set_column_compression(column(field.name()), Compression::UNCOMPRESSED);
    }
    for name in ["event_id", "request_id", "shared_event_id"] {
        // Each value comes once, at any place: neither a dictionary nor bounds of pages help.
        properties = properties
            .set_column_dictionary_enabled(column(name), false)
            .set_column_statistics_enabled(column(name), EnabledStatistics::Chunk);
    }
    properties.build()
}

impl TableWriter {
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        path: String,
        packing: Packing,
    ) -> Result<TableWriter, HistoryError> {
        let temporary = temporary(&path);
        remove_if_present(&**disk, &temporary)?;
        let sink = Sink::new(disk.create(&temporary, 0)?);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(packing))
            .with_schema_root("cairn_history".to_owned())
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(sink, schema::schema(), options);
        let writer = writer.map_err(|error| HistoryError::of_table(&path, error))?;
        Ok(TableWriter {
            disk: Arc::clone(disk),
            path,
            writer,
            columns: Columns::new(),
            rows: 0,
            ends: None,
            is_finished: false,
        })
    }

    /// Takes a row that is older than the one before it.
    pub(crate) fn push(
        &mut self,
        position: Position,
        scope: &Scope,
        record: &[u8],
    ) -> Result<(), HistoryError> {
        let record = str::from_utf8(record).map_err(|_| HistoryError::NoText { position })?;
        let newest = self.ends.map_or(position, |(newest, _)| newest);
        debug_assert!(self.ends.is_none_or(|(_, oldest)| position < oldest), "newest first");
        self.ends = Some((newest, position));
        self.rows += 1;
        self.columns.append(position, scope, record);
        if self.columns.rows() >= STEP_ROWS || self.columns.json_bytes() >= STEP_BYTES {
            self.step().map_err(|error| HistoryError::of_table(&self.path, error))?;
        }
        Ok(())
    }

    /// Makes the table durable under its name; it has at least one row.
    pub(crate) fn finish(mut self) -> Result<Written, HistoryError> {
        let (newest, oldest) = self.ends.expect("a table has a row");
        let (bytes, tail) =
            self.end().map_err(|error| HistoryError::of_table(&self.path, error))?;
        self.disk.rename(&temporary(&self.path), &self.path)?;
        self.is_finished = true;
        self.disk.sync_directory(crate::DIRECTORY)?;
        Ok(Written { rows: self.rows, newest, oldest, bytes, tail })
    }

    fn step(&mut self) -> Result<(), ParquetError> {
        self.writer.write(&self.columns.finish())?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(u64, Tail), ParquetError> {
        self.step()?;
        self.writer.flush()?;
        self.writer.sync()?;
        let checks = self.writer.inner_mut().begin_tail();
        self.writer.write_all(&checks)?;
        self.writer.finish()?;
        Ok(self.writer.inner_mut().finish()?)
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // What was left is removed at the next start too.
            let _ = self.disk.remove(&temporary(&self.path));
        }
    }
}

fn remove_if_present(disk: &dyn Disk, path: &str) -> std::io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// A table that is open.
#[derive(Debug)]
pub(crate) struct Table {
    id: FileId,
    path: String,
    blocks: Arc<Blocks>,
    groups: Vec<Group>,
    /// Pages of records, of all groups.
    pages: Vec<RecordsPage>,
    rows: u32,
    cache: Arc<PageCache>,
}

/// A row group.
#[derive(Debug)]
struct Group {
    first_row: u32,
    rows: u32,
    heads: Vec<Column>,
    json: ColumnChunkMetaData,
}

/// A column of a row group.
#[derive(Debug)]
struct Column {
    chunk: ColumnChunkMetaData,
    pages: Vec<PageLocation>,
}

#[derive(Clone, Copy, Debug)]
struct RecordsPage {
    first_row: u32,
    group: u32,
    offset: u64,
    bytes: u32,
}

impl Table {
    /// Opens a table of which the manifest knows the tail.
    pub(crate) fn open(
        disk: &dyn Disk,
        id: FileId,
        tail: Tail,
        cache: &Arc<PageCache>,
    ) -> Result<Table, HistoryError> {
        let path = id.table();
        let file = disk.open(&path)?;
        let size_bytes = file.size_bytes()?;
        Table::read(id, &path, file, size_bytes, tail, cache)
            .map_err(|error| HistoryError::of_table(&path, error))
    }

    fn read(
        id: FileId,
        path: &str,
        file: Box<dyn File>,
        size_bytes: u64,
        tail: Tail,
        cache: &Arc<PageCache>,
    ) -> Result<Table, ParquetError> {
        let (blocks, bytes) = Blocks::open(file, size_bytes, tail)?;
        let mut reader =
            ParquetMetaDataReader::new().with_offset_index_policy(PageIndexPolicy::Required);
        reader.try_parse_sized(&bytes, size_bytes)?;
        let metadata = reader.finish()?;
        let (groups, pages, rows) = parts(&metadata)?;
        let (blocks, cache) = (Arc::new(blocks), Arc::clone(cache));
        Ok(Table { id, path: path.to_owned(), blocks, groups, pages, rows, cache })
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Where a row stands, and whose it is.
    pub(crate) fn head(&self, row: u32) -> Result<(Position, Scope), HistoryError> {
        let (group, from) = self.heads_of(row)?;
        let part = Part::Heads(self.id, from);
        let heads = match self.cache.get(part) {
            Some(Content::Heads(heads)) => heads,
            _ => {
                let heads = Arc::new(self.read_heads(group, from)?);
                self.cache.put(part, Content::Heads(Arc::clone(&heads)));
                heads
            }
        };
        let at = (row - from) as usize;
        Ok((heads.positions[at], heads.scopes[at].clone()))
    }

    /// The record of a row.
    pub(crate) fn record(&self, row: u32) -> Result<Bytes, HistoryError> {
        let number = self.page_of(row)?;
        let part = Part::Records(self.id, number);
        let records = match self.cache.get(part) {
            Some(Content::Records(records)) => records,
            _ => {
                let records = Arc::new(self.read_records(number)?);
                self.cache.put(part, Content::Records(Arc::clone(&records)));
                records
            }
        };
        Ok(records.record((row - self.pages[number as usize].first_row) as usize))
    }

    /// All rows, newest first, past the cache.
    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan { table: self, row: 0, heads: None, records: None }
    }

    fn missing(&self) -> HistoryError {
        HistoryError::of_table(&self.path, damaged("it has fewer rows than were asked for"))
    }

    /// The page that has a row's record.
    fn page_of(&self, row: u32) -> Result<u32, HistoryError> {
        if row >= self.rows {
            return Err(self.missing());
        }
        let after = self.pages.partition_point(|page| page.first_row <= row);
        Ok(u32::try_from(after - 1).expect("fewer pages than rows"))
    }

    /// The group of a row, and the first row of those whose heads are read with it.
    fn heads_of(&self, row: u32) -> Result<(&Group, u32), HistoryError> {
        if row >= self.rows {
            return Err(self.missing());
        }
        let after = self.groups.partition_point(|group| group.first_row <= row);
        let group = &self.groups[after - 1];
        let in_group = row - group.first_row;
        Ok((group, group.first_row + in_group / HEADS * HEADS))
    }

    fn read_records(&self, number: u32) -> Result<Records, HistoryError> {
        let at = number as usize;
        let end = self.pages.get(at + 1).map_or(self.rows, |next| next.first_row);
        let page = self.pages[at];
        let chunk = &self.groups[page.group as usize].json;
        self.unpack(page, chunk, end - page.first_row)
            .map_err(|error| HistoryError::of_table(&self.path, error))
    }

    fn unpack(
        &self,
        page: RecordsPage,
        chunk: &ColumnChunkMetaData,
        rows: u32,
    ) -> Result<Records, ParquetError> {
        let offset = i64::try_from(page.offset)?;
        let location = PageLocation {
            offset,
            compressed_page_size: i32::try_from(page.bytes)?,
            first_row_index: 0,
        };
        // The reader takes what is before the first page for a dictionary.
        let chunk = chunk.clone().into_builder().set_data_page_offset(offset).build()?;
        let blocks = Arc::clone(&self.blocks);
        let mut reader =
            SerializedPageReader::new(blocks, &chunk, rows as usize, Some(vec![location]))?;
        match reader.get_next_page()? {
            Some(Page::DataPage { buf, encoding: Encoding::PLAIN, .. }) => records(buf, rows),
            _ => Err(damaged("a page of records is not as it was written")),
        }
    }

    fn read_heads(&self, group: &Group, from: u32) -> Result<Heads, HistoryError> {
        let skip = from - group.first_row;
        let rows = HEADS.min(group.rows - skip);
        self.decode_heads(group, skip as usize, rows as usize)
            .map_err(|error| HistoryError::of_table(&self.path, error))
    }

    fn decode_heads(&self, group: &Group, skip: usize, rows: usize) -> Result<Heads, ParquetError> {
        let blocks = &self.blocks;
        let numbers = |column: usize| values::<Int64Type>(blocks, &group.heads[column], skip, rows);
        let texts =
            |column: usize| values::<ByteArrayType>(blocks, &group.heads[column], skip, rows);
        let (times, batches, indexes) = (numbers(0)?, numbers(1)?, numbers(2)?);
        let (accounts, regions, categories) = (texts(3)?, texts(4)?, texts(5)?);
        let (mut positions, mut scopes) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..rows {
            positions.push(Position {
                time: Timestamp::from_millis(times[row]),
                sequence: Sequence {
                    batch: BatchId(batches[row].cast_unsigned()),
                    index: u32::try_from(indexes[row])?,
                },
            });
            let is_same = row > 0
                && accounts[row] == accounts[row - 1]
                && regions[row] == regions[row - 1]
                && categories[row] == categories[row - 1];
            let scope = if is_same {
                Scope::clone(&scopes[row - 1])
            } else {
                scope(&accounts[row], &regions[row], &categories[row])
                    .ok_or_else(|| damaged("a row has no account, Region or category"))?
            };
            scopes.push(scope);
        }
        Ok(Heads { positions: positions.into(), scopes: scopes.into() })
    }
}

/// All rows of a table, one after the other.
pub(crate) struct Scan<'a> {
    table: &'a Table,
    row: u32,
    heads: Option<(u32, Heads)>,
    records: Option<(u32, Records)>,
}

impl Scan<'_> {
    fn read(&mut self) -> Result<(Position, Scope, Bytes), HistoryError> {
        let (group, from) = self.table.heads_of(self.row)?;
        if self.heads.as_ref().is_none_or(|(have, _)| *have != from) {
            self.heads = Some((from, self.table.read_heads(group, from)?));
        }
        let number = self.table.page_of(self.row)?;
        if self.records.as_ref().is_none_or(|(have, _)| *have != number) {
            self.records = Some((number, self.table.read_records(number)?));
        }
        let (_, heads) = self.heads.as_ref().expect("just read");
        let (_, records) = self.records.as_ref().expect("just read");
        let at = (self.row - from) as usize;
        let first = self.table.pages[number as usize].first_row;
        let record = records.record((self.row - first) as usize);
        Ok((heads.positions[at], heads.scopes[at].clone(), record))
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Position, Scope, Bytes), HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.row == self.table.rows {
            return None;
        }
        let row = self.read();
        // Nothing comes after an error.
        self.row = if row.is_ok() { self.row + 1 } else { self.table.rows };
        Some(row)
    }
}

/// The row groups of a table, its pages of records and its number of rows.
fn parts(metadata: &ParquetMetaData) -> Result<(Vec<Group>, Vec<RecordsPage>, u32), ParquetError> {
    let names: Vec<&str> =
        metadata.file_metadata().schema().get_fields().iter().map(|field| field.name()).collect();
    let known = schema::schema();
    let expected = known.fields().iter().take(HEAD_COLUMNS).map(|field| field.name().as_str());
    if !names.iter().copied().take(HEAD_COLUMNS).eq(expected) || names.last() != Some(&EVENT_JSON) {
        return Err(damaged("its columns are not those of a history file"));
    }
    let index = metadata.offset_index().ok_or_else(|| damaged("it has no page index"))?;
    let (mut groups, mut pages, mut first_row) = (Vec::new(), Vec::new(), 0_u32);
    for (metadata, index) in metadata.row_groups().iter().zip(index) {
        let column = |number: usize| -> Result<Column, ParquetError> {
            // Bounds of values are of no use here, and large.
            let chunk = metadata.column(number).clone().into_builder().clear_statistics();
            let locations = index.get(number).map(|index| index.page_locations().clone());
            let pages = locations.ok_or_else(|| damaged("a column has no page index"))?;
            Ok(Column { chunk: chunk.build()?, pages })
        };
        let json = column(metadata.num_columns() - 1)?;
        let group = u32::try_from(groups.len())?;
        for page in &json.pages {
            pages.push(RecordsPage {
                first_row: first_row + u32::try_from(page.first_row_index)?,
                group,
                offset: u64::try_from(page.offset)?,
                bytes: u32::try_from(page.compressed_page_size)?,
            });
        }
        let rows = u32::try_from(metadata.num_rows())?;
        let heads = (0..HEAD_COLUMNS).map(column).collect::<Result<_, _>>()?;
        groups.push(Group { first_row, rows, heads, json: json.chunk });
        first_row = first_row.checked_add(rows).ok_or_else(|| damaged("it has too many rows"))?;
    }
    Ok((groups, pages, first_row))
}

/// So many values of a required column, behind those that are skipped.
fn values<T: DataType>(
    blocks: &Arc<Blocks>,
    column: &Column,
    skip: usize,
    rows: usize,
) -> Result<Vec<T::T>, ParquetError> {
    if column.chunk.column_type() != T::get_physical_type() {
        return Err(damaged("a column is not of its type"));
    }
    let total = usize::try_from(column.chunk.num_values())?;
    let pages = SerializedPageReader::new(
        Arc::clone(blocks),
        &column.chunk,
        total,
        Some(column.pages.clone()),
    )?;
    let descriptor = column.chunk.column_descr_ptr();
    let mut reader = ColumnReaderImpl::<T>::new(descriptor, Box::new(pages));
    let mut values = Vec::with_capacity(rows);
    let skipped = reader.skip_records(skip)?;
    let (read, _, _) = reader.read_records(rows, None, None, &mut values)?;
    if skipped != skip || read != rows || values.len() != rows {
        return Err(damaged("a column has fewer values than the table has rows"));
    }
    Ok(values)
}

fn scope(account: &ByteArray, region: &ByteArray, category: &ByteArray) -> Option<Scope> {
    Some(Scope {
        account: account.as_utf8().ok()?.parse::<AccountId>().ok()?,
        region: region.as_utf8().ok()?.parse::<Region>().ok()?,
        category: Category::from_name(category.as_utf8().ok()?)?,
    })
}

/// The records of a page: each has its length before it, in 4 bytes.
fn records(bytes: Bytes, rows: u32) -> Result<Records, ParquetError> {
    let mut places = Vec::with_capacity(rows as usize);
    let (mut rest, mut at) = (&*bytes, 0_u32);
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length);
        rest = behind.get(length as usize..).ok_or_else(|| damaged("a record is cut off"))?;
        places.push((at + 4, at + 4 + length));
        at += 4 + length;
    }
    if !rest.is_empty() || places.len() != rows as usize {
        return Err(damaged("a page has not as many records as it should"));
    }
    Ok(Records { bytes, places: places.into() })
}
