# The bucket of runs, its key, and the policy of who runs: exactly the calls that rephrase makes, which a test holds it against.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

variable "name" {
  type        = string
  description = "The bucket's name."
}

variable "input_bucket" {
  type        = string
  description = "The bucket that holds the pages; it is only read."
}

variable "outputs" {
  type        = list(string)
  description = "The `output` of each run in the bucket, without s3://bucket/: lifecycle rules of S3 know no wildcards."
  default     = ["run"]
}

variable "work_days" {
  type        = number
  description = "Days after which what a stage left behind is removed. Longer than a run may rest: what is gone is made again."
  default     = 30
}

locals {
  # Each stage removes its own when it has finished; these rules are for runs that nobody finished.
  work_tables = ["_extracted", "answers", "mixture/_exchange"]
  prefixes    = [for pair in setproduct(var.outputs, local.work_tables) : "${pair[0]}/${pair[1]}/"]
}

resource "aws_kms_key" "run" {
  description         = "Objects of the bucket ${var.name}"
  enable_key_rotation = true
}

resource "aws_s3_bucket" "run" {
  bucket = var.name
}

resource "aws_s3_bucket_server_side_encryption_configuration" "run" {
  bucket = aws_s3_bucket.run.id

  rule {
    # One data key for many objects, in place of a call of KMS for each of a million units.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.run.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "run" {
  bucket                  = aws_s3_bucket.run.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Without versioning: objects are created once, and a removed work table would go on costing.
resource "aws_s3_bucket_lifecycle_configuration" "run" {
  bucket = aws_s3_bucket.run.id

  dynamic "rule" {
    for_each = local.prefixes

    content {
      id     = rule.value
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      expiration {
        days = var.work_days
      }
    }
  }
}

data "aws_s3_bucket" "input" {
  bucket = var.input_bucket
}

resource "aws_iam_policy" "run" {
  name = "${var.name}-run"

  policy = templatefile("${path.module}/run-policy.json", {
    input_arn  = data.aws_s3_bucket.input.arn
    bucket_arn = aws_s3_bucket.run.arn
    key_arn    = aws_kms_key.run.arn
  })
}

output "policy_arn" {
  value = aws_iam_policy.run.arn
}

output "bucket" {
  value = aws_s3_bucket.run.id
}

output "bucket_arn" {
  value = aws_s3_bucket.run.arn
}

output "key_arn" {
  value = aws_kms_key.run.arn
}
