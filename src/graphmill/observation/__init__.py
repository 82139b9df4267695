"""What the server does, for those who run it: metrics and traces. Both are off until configured."""
