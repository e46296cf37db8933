//! What CloudTrail tries in a bucket when a trail is made or changed: it reads the bucket's ACL and
//! puts zero-byte objects where the trail's files will go.
//!
//! Here a taken key proves nothing, so these PUTs are not create-only: what they replace is an
//! earlier marker. A bucket of another Region is asked a second time, there.
//! Source: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use model::BucketName;

use super::{S3Store, check_answer, region_elsewhere, request, store_error};
use crate::store::{Put, StoreError};

impl S3Store {
    /// Reads the bucket's ACL (`s3:GetBucketAcl`).
    pub async fn read_acl(&self, bucket: &BucketName) -> Result<(), StoreError> {
        let mut has_moved = false;
        loop {
            let asked = self.bucket(bucket).client.get_bucket_acl().bucket(bucket.as_str());
            match asked.send().await {
                Ok(_) => return Ok(()),
                Err(error) => self.follow(bucket, &error, &mut has_moved)?,
            }
        }
    }

    /// Puts a zero-byte object, in place of one that is there (`s3:PutObject`, and of an encrypted
    /// one `kms:GenerateDataKey`).
    pub async fn put_marker(&self, marker: &Put) -> Result<(), StoreError> {
        let mut has_moved = false;
        loop {
            match request(&self.bucket(&marker.bucket).client, marker).send().await {
                Ok(answer) => return check_answer(answer.e_tag()),
                Err(error) => self.follow(&marker.bucket, &error, &mut has_moved)?,
            }
        }
    }

    /// `Ok` when the bucket is in another Region and was not asked there yet.
    fn follow<E>(
        &self,
        bucket: &BucketName,
        error: &SdkError<E>,
        has_moved: &mut bool,
    ) -> Result<(), StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(region) = region_elsewhere(error).filter(|_| !*has_moved) else {
            return Err(store_error(error));
        };
        *has_moved = true;
        self.moved(bucket, &region);
        Ok(())
    }
}
