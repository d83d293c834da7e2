# What keeps the data. Nothing here is deleted by a mistake in a plan.

locals {
  services = {
    accounts = {
      bucket = "${var.project}-images"
      topic  = "account-events-v1"
      subscriptions = {
        accounts-self = { topic = "account-events-v1", types = ["account.updated", "account.deleted"] }
      }
    }
    audios = {
      bucket = "${var.project}-files"
      topic  = "audio-events-v1"
      subscriptions = {
        audios-self           = { topic = "audio-events-v1", types = ["audio.updated", "audio.deleted"] }
        audios-account-events = { topic = "account-events-v1", types = ["account.created", "account.deleted"] }
      }
    }
  }
  subscriptions = merge([for service, s in local.services : {
    for name, subscription in s.subscriptions : name => merge(subscription, { service = service })
  }]...)
}

resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudtrace.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "spanner.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.value
  disable_on_destroy = false
}

resource "google_spanner_instance" "concha" {
  name             = "concha"
  display_name     = "Concha"
  config           = "regional-${var.region}"
  processing_units = var.processing_units
  edition          = "STANDARD"
  force_destroy    = false
  depends_on       = [google_project_service.api]

  lifecycle {
    prevent_destroy = true
  }
}

# "accounts migrate" and "audios migrate" own the schema.
resource "google_spanner_database" "service" {
  for_each                 = local.services
  name                     = each.key
  instance                 = google_spanner_instance.concha.name
  version_retention_period = "7d"
  enable_drop_protection   = true
  deletion_protection      = true

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [ddl]
  }
}

resource "google_spanner_backup_schedule" "daily" {
  for_each           = local.services
  name               = "daily"
  instance           = google_spanner_instance.concha.name
  database           = google_spanner_database.service[each.key].name
  retention_duration = "2592000s"
  spec {
    cron_spec {
      text = "0 3 * * *"
    }
  }
  full_backup_spec {}
}

# Objects that were deleted are not kept: an erasure is a deletion.
resource "google_storage_bucket" "service" {
  for_each                    = local.services
  name                        = each.value.bucket
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  depends_on                  = [google_project_service.api]

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_pubsub_topic" "events" {
  for_each = toset([for s in local.services : s.topic])
  name     = each.value
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "dead_letter" {
  for_each = local.subscriptions
  name     = "${each.key}-dead-letter"
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
  depends_on = [google_project_service.api]
}

# Keeps dead letters until somebody has dealt with them.
resource "google_pubsub_subscription" "dead_letter" {
  for_each                   = local.subscriptions
  name                       = "${each.key}-dead-letter"
  topic                      = google_pubsub_topic.dead_letter[each.key].id
  message_retention_duration = "2678400s"
  expiration_policy {
    ttl = ""
  }
}

# The services need no order. Without one, Pub/Sub redelivers and dead-letters a
# message by itself.
resource "google_pubsub_subscription" "service" {
  for_each                   = local.subscriptions
  name                       = each.key
  topic                      = google_pubsub_topic.events[each.value.topic].id
  filter                     = join(" OR ", [for type in each.value.types : "attributes.\"ce-type\" = \"concha.${type}.v1\""])
  ack_deadline_seconds       = 20
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter[each.key].id
    max_delivery_attempts = 100
  }
  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }
}

resource "google_artifact_registry_repository" "concha" {
  repository_id = "concha"
  location      = var.region
  format        = "DOCKER"
  docker_config {
    immutable_tags = true
  }
  depends_on = [google_project_service.api]
}
