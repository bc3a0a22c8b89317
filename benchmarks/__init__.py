"""Speed, as ratios against named baselines measured in the same run; see README.md beside this file."""
