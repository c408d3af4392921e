package vectors

import "github.com/pqcoap/pqcoap/conformance/reference"

// A Contents lists contents of records of one type, each on its own.
type Contents struct {
	Header
	Type  byte          `json:"type"`
	Items []ContentItem `json:"items"`
}

// A ContentItem is one content: ok, malformed or ignored, and what it says.
type ContentItem struct {
	Content Hex                `json:"content"`
	Result  Outcome            `json:"result"`
	Message *reference.Message `json:"message,omitempty"` // type 22
	Numbers []reference.Number `json:"numbers,omitempty"` // type 26
	Path    *reference.Path    `json:"path,omitempty"`    // type 27
}

// An Update is key updates at a receiver that sends in epoch 3 under the same secret, and
// nothing but ACKs.
type Update struct {
	Header
	Keys
	Epochs []UpdateEpoch `json:"epochs"`
}

// An UpdateEpoch is one epoch: its keys, a record, the KeyUpdate that ends it, and the ACK that
// the receiver answers.
type UpdateEpoch struct {
	Epoch   uint64 `json:"epoch"`
	Secret  Hex    `json:"secret"`
	Key     Hex    `json:"key"`
	IV      Hex    `json:"iv"`
	SN      Hex    `json:"sn"`
	Content Hex    `json:"content"`
	Record  Hex    `json:"record"`
	Update  Hex    `json:"update"`
	ACK     Hex    `json:"ack"`
}
