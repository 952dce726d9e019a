# EMR on an EKS cluster that you have: its virtual cluster, pools of nodes, and the role of jobs. The namespace is one to which EMR was given
# access: `aws emr-containers` and EKS's access entries, or `eksctl create iamidentitymapping --service-name emr-containers`.
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
  description = "The virtual cluster's name, and the bucket's."
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

variable "eks_cluster" {
  type        = string
  description = "The name of the EKS cluster, which has an OIDC provider."
}

variable "namespace" {
  type    = string
  default = "rephrase"
}

variable "subnets" {
  type        = list(string)
  description = "The ids of the nodes' subnets."
}

variable "node_role_arn" {
  type        = string
  description = "The role of the cluster's nodes. It needs nothing of the bucket: jobs have a role of their own."
}

variable "pools" {
  type = map(object({ types = list(string), most = number, gpu = bool, spot = bool }))
  default = {
    cpu = { types = ["m7i.4xlarge"], most = 8, gpu = false, spot = false }
    gpu = { types = ["g6e.4xlarge", "g6e.8xlarge"], most = 8, gpu = true, spot = true }
  }
}

module "store" {
  source       = "../store"
  name         = var.name
  input_bucket = var.input_bucket
  outputs      = var.outputs
}

data "aws_eks_cluster" "this" {
  name = var.eks_cluster
}

data "aws_iam_openid_connect_provider" "this" {
  url = data.aws_eks_cluster.this.identity[0].oidc[0].issuer
}

locals {
  issuer = replace(data.aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")
}

# The pods of this namespace alone, by the accounts that EMR makes there.
data "aws_iam_policy_document" "pods_assume" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [data.aws_iam_openid_connect_provider.this.arn]
    }

    condition {
      test     = "StringLike"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:emr-containers-sa-*"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "jobs" {
  name               = "${var.name}-jobs"
  assume_role_policy = data.aws_iam_policy_document.pods_assume.json
}

resource "aws_iam_role_policy_attachment" "run" {
  role       = aws_iam_role.jobs.name
  policy_arn = module.store.policy_arn
}

resource "aws_emrcontainers_virtual_cluster" "run" {
  name = var.name

  container_provider {
    id   = var.eks_cluster
    type = "EKS"

    info {
      eks_info {
        namespace = var.namespace
      }
    }
  }
}

# The labels and taints that infra/operator's pools ask for: the same nodes serve both.
resource "aws_eks_node_group" "pool" {
  for_each        = var.pools
  cluster_name    = var.eks_cluster
  node_group_name = "${var.name}-${each.key}"
  node_role_arn   = var.node_role_arn
  subnet_ids      = var.subnets
  instance_types  = each.value.types
  capacity_type   = each.value.spot ? "SPOT" : "ON_DEMAND"
  ami_type        = each.value.gpu ? "AL2023_x86_64_NVIDIA" : "AL2023_x86_64_STANDARD"
  labels          = merge({ "rephrase/pool" = each.key }, each.value.spot ? { "rephrase/spot" = "true" } : {})

  scaling_config {
    desired_size = 0
    min_size     = 0
    max_size     = each.value.most
  }

  dynamic "taint" {
    for_each = concat(each.value.gpu ? ["nvidia.com/gpu"] : [], each.value.spot ? ["rephrase/spot"] : [])

    content {
      key    = taint.value
      effect = "NO_SCHEDULE"
    }
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }
}

output "virtual_cluster" {
  value = aws_emrcontainers_virtual_cluster.run.id
}

output "job_role" {
  value = aws_iam_role.jobs.arn
}
