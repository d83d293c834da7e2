# Each service acts as itself, with what it needs on its own resources. Nothing
# is granted on the project.

resource "google_service_account" "service" {
  for_each     = toset(["accounts", "audios", "gateway"])
  account_id   = "concha-${each.value}"
  display_name = "Concha ${each.value}"
  depends_on   = [google_project_service.api]
}

resource "google_spanner_database_iam_member" "user" {
  for_each = local.services
  instance = google_spanner_instance.concha.name
  database = google_spanner_database.service[each.key].name
  role     = "roles/spanner.databaseUser"
  member   = google_service_account.service[each.key].member
}

resource "google_storage_bucket_iam_member" "user" {
  for_each = local.services
  bucket   = google_storage_bucket.service[each.key].name
  role     = "roles/storage.objectUser"
  member   = google_service_account.service[each.key].member
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.services
  topic    = google_pubsub_topic.events[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = google_service_account.service[each.key].member
}

resource "google_pubsub_subscription_iam_member" "subscriber" {
  for_each     = local.subscriptions
  subscription = google_pubsub_subscription.service[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.service[each.value.service].member

  # A subscription that is replaced has no members.
  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.service[each.key].id]
  }
}

resource "google_pubsub_topic_iam_member" "dead_letter" {
  for_each = local.subscriptions
  topic    = google_pubsub_topic.dead_letter[each.key].name
  role     = "roles/pubsub.publisher"
  member   = google_service_account.service[each.value.service].member
}

# Pub/Sub itself moves what kills a process again and again.
data "google_project" "this" {
  project_id = var.project
}

locals {
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription_iam_member" "pubsub" {
  for_each     = local.subscriptions
  subscription = google_pubsub_subscription.service[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  # A subscription that is replaced has no members.
  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.service[each.key].id]
  }
}

resource "google_pubsub_topic_iam_member" "pubsub" {
  for_each = local.subscriptions
  topic    = google_pubsub_topic.dead_letter[each.key].name
  role     = "roles/pubsub.publisher"
  member   = local.pubsub_agent
}
