"""The terms of a report, with a sentence each: docs/metrics.md for readers who have only the report."""

_TERMS = {
    "Score": "How alike a photo and a person, or two photos, are: from -1 to 1, higher is more alike. Of two photos it "
    "is the cosine of their templates. With a person of several photos it is the mean of the best of these cosines and "
    "of that with the photos' centroid. It is not a probability.",
    "Threshold": "The score from which a photo is given a name, or two photos are called the same person's.",
    "Interval": "95 % score interval of Wilson: with so many trials the true rate may lie anywhere in it. Photos of "
    "one person are not independent, so the interval is, if anything, too narrow.",
    "FTE": "Failure to enrol: a photo for the gallery that gave no template.",
    "FTA": "Failure to acquire: a photo that was searched or compared and gave no template. It counts as a miss.",
    "Rank-k": "Share of searches of enrolled people with at most k - 1 other people scoring as high as the right one.",
    "FPIR": "False positive identification rate: share of strangers' photos for which any person scores at or "
    "above the threshold.",
    "FNIR": "False negative identification rate: share of enrolled people's photos for which the right person is not "
    "first, or scores below the threshold.",
    "DIR": "Detection and identification rate: 1 - FNIR.",
    "FAR": "False accept rate: share of pairs of two people that score at or above the threshold.",
    "FRR": "False reject rate: share of pairs of one person that score below the threshold. TAR is 1 - FRR.",
    "EER": "Equal error rate: where FAR and FRR are the same.",
    "Size of a face": "Shorter side of the box that the detector draws around it, in pixels of the photo.",
    "Found": "A face counts as found when a box that the service found and its own share 0.35 of their union.",
    "Present": "A student is recorded as present by the student's own face, as POST /v1/attendance records it.",
    "False face": "Something that the service took for a face where none was put.",
    "First sight": "When a student's face was first found, less the moment at which it came into the picture. Of faces "
    "that are joined to one, the first of them counts.",
    "Raise found": "A raise of a student that the service reports of this student, less than a second apart.",
    "Bona fide": "A presentation of the live person before the camera; all others are attack presentations "
    "(ISO/IEC 30107-3).",
    "Kind of attack": "What is held before the camera: a screen, a print, a mask. The standard calls it the species of "
    "the attack instrument.",
    "APCER": "Attack presentation classification error rate: share of the attacks of one kind, of those that got a "
    "score, that are called live.",
    "BPCER": "Bona fide presentation classification error rate: share of live people, of those who got a score, who "
    "are called attacks.",
    "ACER": "Half the sum of BPCER and the worst kind's APCER. Papers give it; it hides which of the two is large.",
    "EER of attacks": "The rate at which as large a share of a kind's attacks pass as of live people are refused.",
    "No response": "Photos that got no score: no face was found, it is too small, or the photo shows too little around "
    "it. APNRR of attacks, BPNRR of live people.",
    "Held up": "Share of all live people, with a score or without, who are not called live: whom an enforced check "
    "keeps waiting.",
    "Live score": "How much a face looks like a live one to the model, from 0 to 1.",
    "Interval of people": "95 % interval of Wilson with the effective number of photos: photos of one person count for "
    "less than photos of several. That of EER takes photos as independent, and is, if anything, too narrow.",
    "Level": "How strongly a photo was changed; “as it is” is the photo itself.",
    "Accuracy of folds": "Share of a fold's pairs decided rightly at the threshold that was best for all other folds.",
    "Accuracy": "Share of photos named rightly; “Desconocido” is the right name of a stranger.",
    "Pairs in groups": "Precision: of the pairs of photos in one group, the share that shows one person. Recall: of "
    "the pairs that show one person, the share in one group. F1 is their harmonic mean.",
    "B-cubed": "For each photo the share of its group that shows its person (precision), and the share of its person's "
    "photos that is in its group (recall); the means over all photos.",
    "Precision and recall": "Of photos given a name, the share that is that person's; of a person's photos, the share "
    "given the name. Weighted by how many photos each has.",
}


def terms(*names: str) -> list[tuple[str, str]]:
    """Some of them, in the order given."""
    return [(name, _TERMS[name]) for name in names]
