package kindredclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Unmerged says what came of undoing a merge.
type Unmerged struct {
	MergeID            string   `json:"MergeId"`
	MainProfileID      string   `json:"MainProfileId"` // the profile that the others have left
	RestoredProfileIDs []string `json:"RestoredProfileIds"`
	MovedObjects       int      // that only the merge had let in, and that found their way anew
	UndoneAt           Time
}

// UnmergeProfiles undoes a merge, wherever it stands in the lineage.
func (c *Client) UnmergeProfiles(ctx context.Context, domainName, mergeID string) (*Unmerged, error) {
	var out Unmerged
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/merges/"+url.PathEscape(mergeID)+"/undo", nil, &out)
	return &out, err
}

// MergeLineage is a page of the merges of a profile, and of those that are one
// with it now.
type MergeLineage struct {
	ProfileID          string  `json:"ProfileId"`          // as asked for
	SuccessorProfileID string  `json:"SuccessorProfileId"` // under which clients see it
	Merges             []Merge // the newest first
	NextToken          string  `json:",omitempty"`
}

// Merge is one merge, undone or not.
type Merge struct {
	MergeID          string   `json:"MergeId"`
	MainProfileID    string   `json:"MainProfileId"`
	MergedProfileIDs []string `json:"MergedProfileIds"`
	MergedAt         Time
	MergedBy         string `json:",omitempty"` // ARN
	Rule             string // MANUAL
	State            string // STANDING or UNDONE
	UndoneAt         *Time  `json:",omitempty"`
	UndoneBy         string `json:",omitempty"` // ARN
	// Fields came from another profile than the main one; ChosenFields are those
	// that the request had named.
	Fields       []MergeField
	ChosenFields []MergeField
}

// MergeField says which profile a field comes from.
type MergeField struct {
	Field           string
	SourceProfileID string `json:"SourceProfileId"`
}

// GetMergeLineage reads up to max merges, 1 to 100 (0: 25), from the token of the
// page before on (empty: from the newest).
func (c *Client) GetMergeLineage(ctx context.Context, domainName, profileID string, max int, token string) (*MergeLineage, error) {
	in := struct {
		ProfileID  string `json:"ProfileId"`
		MaxResults int    `json:",omitempty"`
		NextToken  string `json:",omitempty"`
	}{profileID, max, token}
	var out MergeLineage
	err := c.Do(ctx, http.MethodPost, profilesPath(domainName)+"/merge-lineage", in, &out)
	return &out, err
}

// Provenance tells where each field of a profile comes from.
type Provenance struct {
	ProfileID          string            `json:"ProfileId"`          // as asked for
	SuccessorProfileID string            `json:"SuccessorProfileId"` // under which clients see it
	Fields             []ProvenanceField // by name
}

// ProvenanceField is the value that stands for a field, and those that it stands
// before.
type ProvenanceField struct {
	Field string // such as Address.City
	ProvenanceValue
	Displaced      []DisplacedValue // the latest first, at most 20
	DisplacedCount int
}

// ProvenanceValue is a value and where it came from.
type ProvenanceValue struct {
	Value                  string   `json:",omitempty"`
	Values                 []string `json:",omitempty"` // of a list
	Kind                   string   // MANUAL, OBJECT, or EVICTED: of objects that left a full profile
	ObjectTypeName         string   `json:",omitempty"`
	ProfileObjectUniqueKey string   `json:",omitempty"`
	PerformedBy            string   `json:",omitempty"` // ARN of who wrote or ingested it, while that is known
	Time                   Time     // the source's, else that of arrival
	Priority               int      `json:",omitempty"` // SourcePriority of the object type
	BaseProfileID          string   `json:"BaseProfileId"`
	MergeID                string   `json:"MergeId,omitempty"` // through which it came, if it is another profile's
}

// DisplacedValue is a value that another stands before.
type DisplacedValue struct {
	ProvenanceValue
	Cleared bool `json:",omitempty"` // somebody removed the value here
}

// GetProfileProvenance reads where each field of a profile comes from.
func (c *Client) GetProfileProvenance(ctx context.Context, domainName, profileID string) (*Provenance, error) {
	var out Provenance
	err := c.Do(ctx, http.MethodPost, profilesPath(domainName)+"/provenance", map[string]string{"ProfileId": profileID}, &out)
	return &out, err
}

// PastProfile is a profile as it stood at a time.
type PastProfile struct {
	ProfileID          string          `json:"ProfileId"`          // as asked for
	SuccessorProfileID string          `json:"SuccessorProfileId"` // of which it was part then; itself if it was not merged
	AsOf               Time            // to the end of that millisecond
	Profile            json.RawMessage // as BatchGetProfile would have answered it
}

// DescribeProfileAsOf reads a profile as it stood at a time.
func (c *Client) DescribeProfileAsOf(ctx context.Context, domainName, profileID string, at time.Time) (*PastProfile, error) {
	in := struct {
		ProfileID string `json:"ProfileId"`
		Time      Time
	}{profileID, Time{at}}
	var out PastProfile
	err := c.Do(ctx, http.MethodPost, profilesPath(domainName)+"/as-of", in, &out)
	return &out, err
}

func profilesPath(domainName string) string {
	return "/domains/" + url.PathEscape(domainName) + "/profiles"
}
