"""Nextcloud's AI APIs over OCS (`nextcloud-ocs`)."""
