"""An index that lies on several machines, in shards by subject."""
