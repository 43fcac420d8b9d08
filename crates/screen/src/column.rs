//! Column and key names that announce a direct identifier, in the languages where it is cheap to know.

use crate::finding::Reason;

/// What a column of this name would hold, if that is a direct identifier. Case, accents, spaces and
/// punctuation do not matter: `Patient Name`, `patient_name` and `PatientName` are one.
pub fn identifier(name: &str) -> Option<Reason> {
    let tokens = tokens(name);
    let squeezed = tokens.concat();
    let whole = WHOLE.iter().find(|(known, _)| *known == squeezed).map(|(_, r)| *r);
    let part = || tokens.iter().find_map(|t| TOKENS.iter().find(|(known, _)| known == t).map(|(_, r)| *r));
    let inside = || INSIDE.iter().find(|(known, _)| squeezed.contains(known)).map(|(_, r)| *r);
    whole.or_else(part).or_else(inside)
}

/// The name of a column, where it can be shown: made of words that say nothing about anyone.
pub fn shown(name: &str) -> Option<String> {
    crate::table::Column::of(name).shown
}

/// What a cell of a column of this name looks like, if that is a direct identifier.
pub fn cell(name: &str, cell: &str) -> Option<Reason> {
    crate::table::Column::of(name).judge(cell)
}

/// Whether a column of this name holds ages.
pub fn is_age(name: &str) -> bool {
    const AGES: &[&str] = &["age", "ages", "alter", "edad", "leeftijd", "eta"];
    tokens(name).iter().any(|token| AGES.contains(&token.as_str()))
}

/// The words of a name: split at punctuation, digits and humps, lower case, accents off.
pub(crate) fn tokens(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            c.to_lowercase().for_each(|c| fold(c, word));
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// A text in lower case without accents, as names of columns are compared.
pub fn unaccented(lower: &str) -> String {
    let mut plain = String::with_capacity(lower.len());
    lower.chars().for_each(|c| fold(c, &mut plain));
    plain
}

fn fold(c: char, into: &mut String) {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => into.push('a'),
        'ç' | 'ć' | 'č' => into.push('c'),
        'è'..='ë' | 'ē' | 'ę' | 'ě' => into.push('e'),
        'ì'..='ï' | 'ī' | 'ı' => into.push('i'),
        'ñ' | 'ń' | 'ň' => into.push('n'),
        'ò'..='ö' | 'ø' | 'ő' | 'ō' => into.push('o'),
        'ù'..='ü' | 'ů' | 'ű' | 'ū' => into.push('u'),
        'ý' | 'ÿ' => into.push('y'),
        'ś' | 'š' | 'ş' => into.push('s'),
        'ź' | 'ż' | 'ž' => into.push('z'),
        'ł' => into.push('l'),
        'ř' => into.push('r'),
        'ť' => into.push('t'),
        'ď' | 'đ' => into.push('d'),
        'ğ' => into.push('g'),
        'ß' => into.push_str("ss"),
        'æ' => into.push_str("ae"),
        '\u{300}'..='\u{36f}' => {}
        other => into.push(other),
    }
}

use Reason::{
    Account, Address, BirthDate, Email, Insurance, Ip, NationalId, PersonName, Phone, RecordNumber, Secret,
    UserName,
};

/// Names that mean an identifier only when they stand alone.
const WHOLE: &[(&str, Reason)] = &[
    ("name", PersonName),
    ("names", PersonName),
    ("fullname", PersonName),
    ("initials", PersonName),
    ("nom", PersonName),
    ("nombre", PersonName),
    ("nome", PersonName),
    ("naam", PersonName),
    ("namn", PersonName),
    ("navn", PersonName),
    ("nimi", PersonName),
    ("imie", PersonName),
    ("jmeno", PersonName),
    ("contact", PersonName),
    ("operator", PersonName),
    ("investigator", PersonName),
    ("physician", PersonName),
    ("clinician", PersonName),
    ("doctor", PersonName),
    ("consultant", PersonName),
    ("mothername", PersonName),
    ("fathername", PersonName),
    ("born", BirthDate),
    ("yob", BirthDate),
    ("birth", BirthDate),
    ("ne", BirthDate),
    ("fodt", BirthDate),
    ("fodd", BirthDate),
    ("pid", RecordNumber),
    ("mpi", RecordNumber),
    ("empi", RecordNumber),
    ("hn", RecordNumber),
    ("urn", RecordNumber),
    ("tel", Phone),
    ("cell", Phone),
    ("fax", Phone),
    ("street", Address),
    ("city", Address),
    ("town", Address),
    ("plz", Address),
    ("cap", Address),
    ("cp", Address),
    ("adresse", Address),
    ("adres", Address),
    ("adress", Address),
    ("ip", Ip),
    ("user", UserName),
    ("login", UserName),
    ("owner", UserName),
    ("id_card", NationalId),
    ("cf", NationalId),
    ("cpr", NationalId),
    ("cpf", NationalId),
    ("rut", NationalId),
    ("nir", NationalId),
    ("bsn", NationalId),
    ("dni", NationalId),
    ("nie", NationalId),
    ("pps", NationalId),
    ("ppsn", NationalId),
    ("tfn", NationalId),
    ("nhi", NationalId),
    ("ihi", NationalId),
    ("chi", NationalId),
    ("hcn", Insurance),
];

/// Words that mean an identifier wherever they stand in a name.
const TOKENS: &[(&str, Reason)] = &[
    ("mrn", RecordNumber),
    ("mrns", RecordNumber),
    ("nip", RecordNumber),
    ("surname", PersonName),
    ("forename", PersonName),
    ("firstname", PersonName),
    ("lastname", PersonName),
    ("nachname", PersonName),
    ("vorname", PersonName),
    ("prenom", PersonName),
    ("apellido", PersonName),
    ("apellidos", PersonName),
    ("cognome", PersonName),
    ("sobrenome", PersonName),
    ("achternaam", PersonName),
    ("voornaam", PersonName),
    ("efternamn", PersonName),
    ("fornamn", PersonName),
    ("efternavn", PersonName),
    ("fornavn", PersonName),
    ("etternavn", PersonName),
    ("sukunimi", PersonName),
    ("etunimi", PersonName),
    ("nazwisko", PersonName),
    ("prijmeni", PersonName),
    ("soyad", PersonName),
    ("soyadi", PersonName),
    ("nume", PersonName),
    ("vezeteknev", PersonName),
    ("姓名", PersonName),
    ("氏名", PersonName),
    ("имя", PersonName),
    ("фамилия", PersonName),
    ("maiden", PersonName),
    ("kin", PersonName),
    ("dob", BirthDate),
    ("birthdate", BirthDate),
    ("birthday", BirthDate),
    ("birthyear", BirthDate),
    ("geburtsdatum", BirthDate),
    ("geburtstag", BirthDate),
    ("naissance", BirthDate),
    ("nacimiento", BirthDate),
    ("nascita", BirthDate),
    ("nascimento", BirthDate),
    ("geboortedatum", BirthDate),
    ("fodelsedatum", BirthDate),
    ("fodselsdato", BirthDate),
    ("syntymaaika", BirthDate),
    ("urodzenia", BirthDate),
    ("narozeni", BirthDate),
    ("生年月日", BirthDate),
    ("出生日期", BirthDate),
    ("ssn", NationalId),
    ("nhs", NationalId),
    ("nino", NationalId),
    ("passport", NationalId),
    ("aadhaar", NationalId),
    ("personnummer", NationalId),
    ("fodselsnummer", NationalId),
    ("henkilotunnus", NationalId),
    ("hetu", NationalId),
    ("pesel", NationalId),
    ("codicefiscale", NationalId),
    ("steuernummer", NationalId),
    ("ahv", NationalId),
    ("curp", NationalId),
    ("driver", NationalId),
    ("licence", NationalId),
    ("email", Email),
    ("mail", Email),
    ("courriel", Email),
    ("correo", Email),
    ("epost", Email),
    ("phone", Phone),
    ("telephone", Phone),
    ("telefon", Phone),
    ("telefono", Phone),
    ("telefone", Phone),
    ("telefoon", Phone),
    ("puhelin", Phone),
    ("mobile", Phone),
    ("handy", Phone),
    ("cellphone", Phone),
    ("telefax", Phone),
    ("address", Address),
    ("anschrift", Address),
    ("direccion", Address),
    ("indirizzo", Address),
    ("endereco", Address),
    ("osoite", Address),
    ("postcode", Address),
    ("postal", Address),
    ("zip", Address),
    ("zipcode", Address),
    ("postleitzahl", Address),
    ("insurance", Insurance),
    ("insurer", Insurance),
    ("kvnr", Insurance),
    ("krankenkasse", Insurance),
    ("medicare", Insurance),
    ("medicaid", Insurance),
    ("versichertennummer", Insurance),
    ("iban", Account),
    ("password", Secret),
    ("passwd", Secret),
    ("secret", Secret),
    ("username", UserName),
];

/// Words that mean an identifier also when joined to others without a mark between.
const INSIDE: &[(&str, Reason)] = &[
    ("patientname", PersonName),
    ("patientfullname", PersonName),
    ("patientinitials", PersonName),
    ("subjectname", PersonName),
    ("participantname", PersonName),
    ("personname", PersonName),
    ("investigatorname", PersonName),
    ("operatorname", PersonName),
    ("physicianname", PersonName),
    ("doctorname", PersonName),
    ("contactname", PersonName),
    ("firstname", PersonName),
    ("lastname", PersonName),
    ("middlename", PersonName),
    ("givenname", PersonName),
    ("familyname", PersonName),
    ("nomdefamille", PersonName),
    ("nompatient", PersonName),
    ("patientenname", PersonName),
    ("referringphysician", PersonName),
    ("dateofbirth", BirthDate),
    ("birthdate", BirthDate),
    ("yearofbirth", BirthDate),
    ("birthyear", BirthDate),
    ("yearborn", BirthDate),
    ("bornyear", BirthDate),
    ("datebirth", BirthDate),
    ("geburt", BirthDate),
    ("datedenaissance", BirthDate),
    ("datanascita", BirthDate),
    ("medicalrecord", RecordNumber),
    ("recordnumber", RecordNumber),
    ("hospitalnumber", RecordNumber),
    ("hospitalno", RecordNumber),
    ("hospitalid", RecordNumber),
    ("chartnumber", RecordNumber),
    ("patientnumber", RecordNumber),
    ("patientno", RecordNumber),
    ("patientnr", RecordNumber),
    ("fallnummer", RecordNumber),
    ("casenumber", RecordNumber),
    ("unitnumber", RecordNumber),
    ("nationalid", NationalId),
    ("nationalinsurance", NationalId),
    ("socialsecurity", NationalId),
    ("identitycard", NationalId),
    ("codicefiscale", NationalId),
    ("personalnumber", NationalId),
    ("identificationnumber", NationalId),
    ("taxid", NationalId),
    ("healthcard", Insurance),
    ("healthplan", Insurance),
    ("beneficiary", Insurance),
    ("policynumber", Insurance),
    ("memberid", Insurance),
    ("versicherung", Insurance),
    ("emailaddress", Email),
    ("phonenumber", Phone),
    ("phoneno", Phone),
    ("mobilenumber", Phone),
    ("homeaddress", Address),
    ("streetaddress", Address),
    ("creditcard", Account),
    ("bankaccount", Account),
    ("username", UserName),
    ("useraccount", UserName),
    ("apikey", Secret),
    ("accesstoken", Secret),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: Option<Reason>) {
        for name in names {
            assert_eq!(identifier(name), expected, "{name}");
        }
    }

    #[test]
    fn identifier_columns_are_known_in_many_spellings() {
        check(
            &[
                "patient_name",
                "Patient Name",
                "PatientName",
                "PATIENT-NAME",
                "name",
                "Prénom",
                "Nachname",
                "姓名",
                "Investigator Name",
                "nom de famille",
                "first_name",
                "lastName",
                "mother_maiden_name",
            ],
            Some(PersonName),
        );
        check(
            &["MRN", "mrn", "patient_mrn", "Medical Record No.", "hospital_number", "patientNumber"],
            Some(RecordNumber),
        );
        check(
            &[
                "dob",
                "DOB",
                "birthDate",
                "date of birth",
                "Geburtsdatum",
                "date_de_naissance",
                "födelsedatum",
                "birth_year",
                "Birth Year",
                "birthYear",
                "year born",
                "yob",
            ],
            Some(BirthDate),
        );
        check(&["ssn", "NHS number", "personnummer", "social_security_number", "passport"], Some(NationalId));
        check(&["healthCard", "insurance_id", "KVNR"], Some(Insurance));
        check(&["e-mail address", "email", "contact_email"], Some(Email));
        check(&["phone", "Telefon", "mobile_number"], Some(Phone));
        check(&["address", "home_address", "zip_code", "Postcode"], Some(Address));
    }

    #[test]
    fn what_sheets_need_passes() {
        check(
            &[
                "patient",
                "sample",
                "lane",
                "fastq_1",
                "fastq_2",
                "sex",
                "status",
                "specimen_type",
                "bam",
                "bai",
                "cram",
                "crai",
                "vcf",
                "table",
                "contamination",
                "spring_1",
                "Sample_ID",
                "Sample_Name",
                "index",
                "I7_Index_ID",
                "GenomeFolder",
                "Sample_Project",
                "clarity_sample_id",
                "type",
                "assay",
                "diagnosis",
                "phenotype",
                "group",
                "father",
                "mother",
                "read1",
                "FAM",
                "IID",
                "PAT",
                "MAT",
                "HPO",
                "run_name",
                "library_name",
                "flowcell",
                "strandedness",
                "antibody",
                "replicate",
                "ldmSampleId",
                "specimenType",
            ],
            None,
        );
    }
}
