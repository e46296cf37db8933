//! An answer as a Parquet file.

use std::fs::File;
use std::io;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// A Parquet file that grows.
pub struct ParquetFile(ArrowWriter<File>);

impl ParquetFile {
    /// Begins one.
    pub fn begin(file: File, schema: SchemaRef) -> io::Result<ParquetFile> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        Ok(ParquetFile(ArrowWriter::try_new(file, schema, Some(properties))?))
    }

    /// Takes more rows.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        Ok(self.0.write(batch)?)
    }

    /// Ends it.
    pub fn finish(self) -> io::Result<()> {
        let file = self.0.into_inner()?;
        file.sync_all()
    }
}
