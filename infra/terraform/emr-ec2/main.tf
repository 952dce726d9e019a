# A cluster of EMR on EC2 for `rephrase submit --to emr --cluster ID --staging s3://BUCKET/staging`.
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
  description = "The cluster's name, and the bucket's."
}

variable "input_bucket" {
  type        = string
  description = "The bucket that holds the pages; it is only read."
}

variable "outputs" {
  type        = list(string)
  description = "The `output` of each run in the bucket, without s3://bucket/."
  default     = ["run"]
}

variable "release" {
  type        = string
  description = "A release of EMR whose Spark is of the version of the archive's pyspark: rephrase.json in the archive tells it."
}

variable "subnet" {
  type        = string
  description = "The id of a subnet that reaches S3 and, for models from the hub, the internet. Tag it for-use-with-amazon-emr-managed-policies=true."
}

variable "cpu_type" {
  type    = string
  default = "m7i.4xlarge"
}

variable "gpu_type" {
  type        = string
  description = "The type of machines with GPUs."
  default     = "g6e.4xlarge"
}

variable "gpu_price" {
  type        = string
  description = "The most to pay for such a machine and hour on spot, in USD; null: on demand."
  default     = null
}

variable "image" {
  type        = string
  description = "An image of machines (AMI) of EMR's system with NVIDIA's driver; null: EMR's own."
  default     = null
}

variable "gpus" {
  type        = number
  description = "Machines with GPUs."
  default     = 8
}

module "store" {
  source       = "../store"
  name         = var.name
  input_bucket = var.input_bucket
  outputs      = var.outputs
}

locals {
  tags = { "for-use-with-amazon-emr-managed-policies" = "true" }
}

data "aws_iam_policy_document" "emr_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["elasticmapreduce.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "ec2_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  name               = "${var.name}-service"
  assume_role_policy = data.aws_iam_policy_document.emr_assumes.json
}

resource "aws_iam_role_policy_attachment" "service" {
  role       = aws_iam_role.service.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
}

# The service hands the machines their role, and no other.
resource "aws_iam_role_policy" "pass" {
  name = "pass-machines-role"
  role = aws_iam_role.service.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = aws_iam_role.machines.arn
      Condition = { StringLike = { "iam:PassedToService" = "ec2.amazonaws.com*" } }
    }]
  })
}

# What runs has the keys of this role: the calls of rephrase, in whose bucket archive, config and logs lie too.
resource "aws_iam_role" "machines" {
  name               = "${var.name}-machines"
  assume_role_policy = data.aws_iam_policy_document.ec2_assumes.json
}

resource "aws_iam_role_policy_attachment" "run" {
  role       = aws_iam_role.machines.name
  policy_arn = module.store.policy_arn
}

resource "aws_iam_instance_profile" "machines" {
  name = "${var.name}-machines"
  role = aws_iam_role.machines.name
}

resource "aws_s3_object" "discovery" {
  bucket = module.store.bucket
  key    = "staging/gpu-discovery.sh"
  source = "${path.module}/../../gpu-discovery.sh"
}

resource "aws_s3_object" "bootstrap" {
  bucket  = module.store.bucket
  key     = "staging/bootstrap.sh"
  content = file("${path.module}/bootstrap.sh")
}

resource "aws_emr_cluster" "run" {
  name          = var.name
  release_label = var.release
  applications  = ["Spark"]
  custom_ami_id = var.image
  service_role  = aws_iam_role.service.arn
  log_uri       = "s3://${module.store.bucket}/logs/"
  tags          = local.tags

  ec2_attributes {
    subnet_id        = var.subnet
    instance_profile = aws_iam_instance_profile.machines.arn
  }

  master_instance_group {
    instance_type = var.cpu_type
  }

  # The driver is a container of a core node, which must not go: spot is for the task nodes with GPUs alone.
  core_instance_group {
    instance_type  = var.cpu_type
    instance_count = 2
  }

  bootstrap_action {
    name = "gpu-discovery"
    path = "s3://${module.store.bucket}/${aws_s3_object.bootstrap.key}"
    args = ["s3://${module.store.bucket}/${aws_s3_object.discovery.key}"]
  }

  configurations_json = file("${path.module}/configurations.json")
}

resource "aws_emr_instance_group" "gpu" {
  cluster_id     = aws_emr_cluster.run.id
  name           = "gpu"
  instance_type  = var.gpu_type
  instance_count = var.gpus
  bid_price      = var.gpu_price

  configurations_json = file("${path.module}/gpu-configurations.json")
}

output "cluster" {
  value = aws_emr_cluster.run.id
}

output "staging" {
  value = "s3://${module.store.bucket}/staging"
}
